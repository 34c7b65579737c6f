#include "server/service/parameter_service.h"

#include "absl/strings/str_cat.h"
#include "common/rpc/channel.h"

namespace banyan::server {
namespace {

std::string JobOf(const grpc::CallbackServerContext& context) {
  const auto found = context.client_metadata().find(kJobMetadata);
  if (found == context.client_metadata().end()) return "";
  return std::string(found->second.data(), found->second.size());
}

ParameterService::Reactor* Refuse(const std::string& job) {
  const AcceptedFrameStream accepted =
      AcceptFrameStream({.on_frame = [](const Frame&) {}, .on_closed = [](const absl::Status&) {}});
  accepted.stream->Close(absl::NotFoundError(absl::StrCat("job '", job, "' is not on this server")));
  return accepted.reactor;
}

}  // namespace

ParameterService::Reactor* ParameterService::Exchange(grpc::CallbackServerContext* context) {
  const std::string job = JobOf(*context);
  const std::shared_ptr<JobHost> host = find_(job);
  return host == nullptr ? Refuse(job) : host->AcceptExchange();
}

ParameterService::Reactor* ParameterService::Gate(grpc::CallbackServerContext* context) {
  const std::string job = JobOf(*context);
  const std::shared_ptr<JobHost> host = find_(job);
  return host == nullptr ? Refuse(job) : host->AcceptGate();
}

ParameterService::Reactor* ParameterService::Replicate(grpc::CallbackServerContext* context) {
  const std::string job = JobOf(*context);
  const std::shared_ptr<JobHost> host = find_(job);
  return host == nullptr ? Refuse(job) : host->AcceptReplicate();
}

}  // namespace banyan::server
