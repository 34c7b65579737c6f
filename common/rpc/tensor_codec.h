#ifndef BANYAN_COMMON_RPC_TENSOR_CODEC_H_
#define BANYAN_COMMON_RPC_TENSOR_CODEC_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/protocol/messages.h"
#include "common/tensor/payload.h"
#include "proto/parameter_server.pb.h"
#include "proto/tensor.pb.h"

// What frames of all streams have in common.
namespace banyan {

// Describes a whole chunk's fp32 elements, checksum included.
void DescribePayload(const Payload& payload, v1::TensorKind kind, v1::TensorHeader* header);
// INVALID_ARGUMENT where the header does not describe the payload, DATA_LOSS where its checksum is another; `what`
// names the message.
absl::Status CheckPayload(const v1::TensorHeader& header, const Payload& payload, absl::string_view what);

v1::Ledger EncodeLedger(const Ledger& ledger);
Ledger DecodeLedger(const v1::Ledger& message);

}  // namespace banyan

#endif  // BANYAN_COMMON_RPC_TENSOR_CODEC_H_
