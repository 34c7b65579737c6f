#ifndef BANYAN_COMMON_RPC_REPLICA_CODEC_H_
#define BANYAN_COMMON_RPC_REPLICA_CODEC_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "common/protocol/messages.h"
#include "common/rpc/frame.h"

// What a primary and its backup say to each other, as frames: refusals as in exchange_codec.h.
namespace banyan {

// In order: a chunk's state is a frame a buffer, so that it may be larger than a frame.
std::vector<Frame> EncodeToBackup(const ToBackup& message);

// The other end of one stream. Thread-compatible.
class ToBackupDecoder {
 public:
  // Nothing: more frames belong to the message.
  absl::StatusOr<std::optional<ToBackup>> Add(Frame frame);

 private:
  std::optional<ToBackup> TakeWhole();

  std::optional<ChunkState> state_;  // some of its buffers are missing
  uint32_t slots_ = 0;
  bool has_previous_ = false;
};

Frame EncodeHeld(const Held& held);
absl::StatusOr<Held> DecodeHeld(const Frame& frame);

}  // namespace banyan

#endif  // BANYAN_COMMON_RPC_REPLICA_CODEC_H_
