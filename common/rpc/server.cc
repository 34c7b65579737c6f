#include "common/rpc/server.h"

#include <openssl/crypto.h>

#include <mutex>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/rpc/channel.h"
#include "common/rpc/frame.h"
#include "common/rpc/process_settings.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/security/auth_metadata_processor.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"

namespace banyan {
namespace {

// Refuses calls without the token, before any service sees them.
class TokenProcessor final : public grpc::AuthMetadataProcessor {
 public:
  explicit TokenProcessor(std::string token) : token_(std::move(token)) {}

  bool IsBlocking() const override { return false; }

  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* /*context*/, OutputMetadata* /*consumed*/,
                       OutputMetadata* /*response*/) override {
    const auto found = metadata.find(kTokenMetadata);
    if (found == metadata.end()) {
      return grpc::Status(grpc::StatusCode::UNAUTHENTICATED, "this call carries no cluster token");
    }
    const grpc::string_ref& given = found->second;
    if (given.size() != token_.size() || CRYPTO_memcmp(given.data(), token_.data(), token_.size()) != 0) {
      return grpc::Status(grpc::StatusCode::UNAUTHENTICATED,
                          "this call carries the token of another cluster; use the token file of this one");
    }
    return grpc::Status::OK;
  }

 private:
  const std::string token_;
};

void EnableHealthAndReflection() {
  static std::once_flag once;  // gRPC keeps these as process-wide settings
  std::call_once(once, [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
}

}  // namespace

bool IsLoopback(const std::string& endpoint) {
  const size_t colon = endpoint.rfind(':');
  const absl::string_view host = absl::string_view(endpoint).substr(0, colon);
  return host == "localhost" || host == "[::1]" || absl::StartsWith(host, "127.");
}

absl::StatusOr<std::unique_ptr<RpcServer>> RpcServer::Start(const Options& options) {
  const size_t colon = options.listen.rfind(':');
  if (colon == std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("listen address '", options.listen, "' has no port; expected host:port, as in 127.0.0.1:7000"));
  }
  if (!IsLoopback(options.listen)) {
    return absl::InvalidArgumentError(
        absl::StrCat("listen address '", options.listen,
                     "' is beyond loopback, where connections must be encrypted, and this version has no TLS; use "
                     "127.0.0.1, ::1 or localhost"));
  }
  SetUpProcessForRpc();
  EnableHealthAndReflection();
  grpc::ServerBuilder builder;
  auto credentials = grpc::experimental::LocalServerCredentials(LOCAL_TCP);
  credentials->SetAuthMetadataProcessor(std::make_shared<TokenProcessor>(options.token));
  int port = 0;
  builder.AddListeningPort(options.listen, std::move(credentials), &port);
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetMaxSendMessageSize(kMaxMessageBytes);
  // A second daemon on the same port must fail, not share it.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  SetTransportArguments([&builder](const char* name, int value) { builder.AddChannelArgument(name, value); });
  for (grpc::Service* service : options.services) builder.RegisterService(service);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on '", options.listen, "': the port is taken or the address is not this machine's"));
  }
  std::string endpoint = absl::StrCat(options.listen.substr(0, colon), ":", port);
  return std::unique_ptr<RpcServer>(new RpcServer(std::move(server), std::move(endpoint)));
}

RpcServer::~RpcServer() { Shutdown(absl::ZeroDuration()); }

void RpcServer::Shutdown(absl::Duration grace) {
  server_->Shutdown(absl::ToChronoTime(absl::Now() + grace));
  server_->Wait();
}

}  // namespace banyan
