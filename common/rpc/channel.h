#ifndef BANYAN_COMMON_RPC_CHANNEL_H_
#define BANYAN_COMMON_RPC_CHANNEL_H_

#include <functional>
#include <memory>
#include <string>

#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"

namespace banyan {

// Metadata that every call carries, and that the calls of the parameter server's streams carry besides.
inline constexpr char kTokenMetadata[] = "banyan-token";
inline constexpr char kJobMetadata[] = "banyan-job";

// A connection of its own to `endpoint` on loopback: channels do not share a connection, so that several of them use
// several threads.
std::shared_ptr<grpc::Channel> Connect(const std::string& endpoint);

// A context with the token.
std::unique_ptr<grpc::ClientContext> MakeContext(const std::string& token);

// Calls `set` with each transport setting (name, value) that both ends of our streams use.
void SetTransportArguments(const std::function<void(const char* name, int value)>& set);

}  // namespace banyan

#endif  // BANYAN_COMMON_RPC_CHANNEL_H_
