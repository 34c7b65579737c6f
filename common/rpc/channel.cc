#include "common/rpc/channel.h"

#include "common/rpc/frame.h"
#include "common/rpc/process_settings.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"

namespace banyan {

std::shared_ptr<grpc::Channel> Connect(const std::string& endpoint) {
  SetUpProcessForRpc();
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // A process that was just started is found soon after it listens.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  // Also how long gRPC gives one attempt, its handshake included: on a busy machine that takes longer than a back-off.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  SetTransportArguments([&arguments](const char* name, int value) { arguments.SetInt(name, value); });
  return grpc::CreateCustomChannel(endpoint, grpc::experimental::LocalCredentials(LOCAL_TCP), arguments);
}

std::unique_ptr<grpc::ClientContext> MakeContext(const std::string& token) {
  auto context = std::make_unique<grpc::ClientContext>();
  context->AddMetadata(kTokenMetadata, token);
  return context;
}

void SetTransportArguments(const std::function<void(const char* name, int value)>& set) {
  // Chunks of megabytes in few HTTP/2 frames instead of 16 KiB each.
  set(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, 1 << 20);
  set(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 4 << 20);
  // A host that is gone says nothing: a stream to it ends when a ping is not answered. Busy is not gone: what a ping
  // notices, leases have noticed before, so it may wait.
  set(GRPC_ARG_KEEPALIVE_TIME_MS, 5000);
  set(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10000);
  set(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  set(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  set(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1000);
}

}  // namespace banyan
