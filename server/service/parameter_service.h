#ifndef BANYAN_SERVER_SERVICE_PARAMETER_SERVICE_H_
#define BANYAN_SERVER_SERVICE_PARAMETER_SERVICE_H_

#include <functional>
#include <memory>
#include <string>

#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "proto/parameter_server.grpc.pb.h"
#include "server/service/job_host.h"

namespace banyan::server {

// The gRPC face of a server: gives each stream to the job that its metadata names. NOT_FOUND where the job is not here
// (yet). Thread-safe.
class ParameterService final
    : public v1::ParameterServer::WithRawCallbackMethod_Exchange<v1::ParameterServer::WithRawCallbackMethod_Gate<
          v1::ParameterServer::WithRawCallbackMethod_Replicate<v1::ParameterServer::Service>>> {
 public:
  using Reactor = grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;
  using FindJob = std::function<std::shared_ptr<JobHost>(const std::string& job)>;

  explicit ParameterService(FindJob find) : find_(std::move(find)) {}

  Reactor* Exchange(grpc::CallbackServerContext* context) override;
  Reactor* Gate(grpc::CallbackServerContext* context) override;
  Reactor* Replicate(grpc::CallbackServerContext* context) override;

 private:
  const FindJob find_;
};

}  // namespace banyan::server

#endif  // BANYAN_SERVER_SERVICE_PARAMETER_SERVICE_H_
