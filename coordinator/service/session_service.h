#ifndef BANYAN_COORDINATOR_SERVICE_SESSION_SERVICE_H_
#define BANYAN_COORDINATOR_SERVICE_SESSION_SERVICE_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/service/core.h"
#include "proto/cluster.grpc.pb.h"

namespace banyan::coordinator {

// Sessions of servers and workers: a report is decided on before the next is read; commands go out as they change.
class SessionService final : public v1::Coordinator::Service {
 public:
  // `core` must outlive the service.
  explicit SessionService(Core& core) : core_(core) {}

  grpc::Status Session(grpc::ServerContext* context,
                       grpc::ServerReaderWriter<v1::Command, v1::Report>* stream) override;

 private:
  struct Peer {
    SessionId session;
    std::string name;  // empty: nothing was reported yet
    std::shared_ptr<Outbox> outbox;
  };

  absl::Status TakeReport(const v1::Report& report, Peer& peer);

  Core& core_;
};

// What a report says, decoded; jobs that are not known are left out.
absl::StatusOr<Cluster::Heard> DecodeReport(const v1::Report& report, const Cluster& cluster);

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_SERVICE_SESSION_SERVICE_H_
