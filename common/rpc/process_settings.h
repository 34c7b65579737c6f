#ifndef BANYAN_COMMON_RPC_PROCESS_SETTINGS_H_
#define BANYAN_COMMON_RPC_PROCESS_SETTINGS_H_

namespace banyan {

// Sets, once, what gRPC's throughput depends on and is this process's, not a channel's. Called by Connect and by
// RpcServer::Start. Thread-safe.
void SetUpProcessForRpc();

}  // namespace banyan

#endif  // BANYAN_COMMON_RPC_PROCESS_SETTINGS_H_
