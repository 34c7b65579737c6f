#ifndef BANYAN_COMMON_RPC_EXCHANGE_CODEC_H_
#define BANYAN_COMMON_RPC_EXCHANGE_CODEC_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "common/protocol/messages.h"
#include "common/rpc/frame.h"
#include "proto/parameter_server.pb.h"

// The protocol's messages to frames and back. Encoding computes the payload's checksum; decoding verifies it (DATA_LOSS)
// and refuses whatever is not well formed (INVALID_ARGUMENT, naming the field). Whether names exist (chunks, nodes,
// uses) is for the state machines to judge.
namespace banyan {

Frame EncodeToServer(const ToServer& message);
absl::StatusOr<ToServer> DecodeToServer(Frame frame);

Frame EncodeToWorker(const ToWorker& message);
// `leaves`: of a step of the job, for the bitmaps.
absl::StatusOr<ToWorker> DecodeToWorker(Frame frame, uint32_t leaves);

Frame EncodeSum(const Sum& sum);
absl::StatusOr<Sum> DecodeSum(const Frame& frame);

// Parts that session messages share.
v1::ChunkMap EncodeChunkMap(const ChunkMap& map);
absl::StatusOr<ChunkMap> DecodeChunkMap(const v1::ChunkMap& message);
v1::Entry EncodeEntry(const Entry& entry);
Entry DecodeEntry(const v1::Entry& message);
v1::TreeNode EncodeNode(const Node& node);
Node DecodeNode(const v1::TreeNode& message);

}  // namespace banyan

#endif  // BANYAN_COMMON_RPC_EXCHANGE_CODEC_H_
