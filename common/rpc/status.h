#ifndef BANYAN_COMMON_RPC_STATUS_H_
#define BANYAN_COMMON_RPC_STATUS_H_

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace banyan {

// The one place where our status and gRPC's meet; the codes are the same numbers.
grpc::Status ToGrpc(const absl::Status& status);
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace banyan

#endif  // BANYAN_COMMON_RPC_STATUS_H_
