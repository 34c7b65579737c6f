#ifndef BANYAN_COMMON_RPC_SERVER_H_
#define BANYAN_COMMON_RPC_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/impl/service_type.h"
#include "grpcpp/server.h"

namespace banyan {

// A gRPC server of ours: loopback only, every call must carry the cluster's token (metadata `banyan-token`), messages
// are limited, health checking (grpc.health.v1) and reflection are on.
class RpcServer {
 public:
  struct Options {
    // host:port; port 0 takes a free one. A host beyond loopback is refused: there is no TLS yet.
    std::string listen;
    std::string token;
    // Must outlive the server.
    std::vector<grpc::Service*> services;
  };

  static absl::StatusOr<std::unique_ptr<RpcServer>> Start(const Options& options);

  ~RpcServer();

  // host:port with the port that was taken.
  const std::string& endpoint() const { return endpoint_; }

  // Takes no new calls, gives those under way until `grace` has passed, then cancels them. Returns when all are over.
  void Shutdown(absl::Duration grace);

 private:
  RpcServer(std::unique_ptr<grpc::Server> server, std::string endpoint)
      : server_(std::move(server)), endpoint_(std::move(endpoint)) {}

  const std::unique_ptr<grpc::Server> server_;
  const std::string endpoint_;
};

// Whether the host of `host:port` is this machine's loopback (127.0.0.0/8, ::1, localhost).
bool IsLoopback(const std::string& endpoint);

}  // namespace banyan

#endif  // BANYAN_COMMON_RPC_SERVER_H_
