#ifndef BANYAN_SERVER_SHARD_SHARD_OUTPUT_H_
#define BANYAN_SERVER_SHARD_SHARD_OUTPUT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/base/strong_id.h"
#include "common/protocol/ids.h"
#include "common/protocol/messages.h"
#include "common/protocol/session.h"
#include "server/shard/chunk_memory.h"
#include "server/shard/followers.h"

namespace banyan::server {

// One Exchange stream of one worker; a number is used once.
using StreamId = StrongId<struct StreamTag, uint64_t>;

// "Fill these buffers with the state of `point`"; answered by Shard::OnRestored.
struct RestoreWork {
  struct Chunk {
    ChunkId chunk;
    BufferRef weights;             // to be filled whole, gaps between segments with zeros
    std::vector<BufferRef> slots;  // the same, in the order of the rule's slot names; zeros at step 0
  };
  Term term = 0;
  RestorePoint point;
  std::vector<Chunk> chunks;
};

// "Write this chunk @step into the checkpoint"; once all `part_chunks` of the step have come and are written, or cannot
// be, answered by Shard::OnCheckpointWritten. The bytes do not change while the work lives.
struct CheckpointWork {
  Term term = 0;
  Epoch epoch = 0;  // a part that a newer map began anew is another part
  Step step = 0;
  std::string directory;  // the job's, for all its checkpoints
  size_t part_chunks = 0;
  ChunkId chunk;
  Payload weights;
  std::vector<Payload> slots;  // in the order of the rule's slot names
};

// What a shard wants done. Called from within its inputs, in order; none of it may call back into the shard.
class ShardOutput {
 public:
  virtual ~ShardOutput() = default;

  virtual void Send(StreamId stream, ToWorker message) = 0;

  // The stream is over; nothing that it still brings is for the shard.
  virtual void Close(StreamId stream, const absl::Status& why) = 0;

  virtual void Restore(RestoreWork work) = 0;

  // With clipping: for the server's Gate.
  virtual void Committed(Term term, Step step, ChunkId chunk, std::vector<SegmentSum> parts, double weight,
                         double loss) = 0;

  virtual void WriteCheckpoint(CheckpointWork work) = 0;

  // With replicas. The backups that the shard wants a stream to, those and no others; whenever one opens or ends:
  // Shard::OnFollowerOpened, OnFollowerClosed.
  virtual void Connect(const std::vector<Followers::Link>& /*links*/) {}
  virtual void SendToFollower(const FollowerId& /*to*/, ToBackup /*message*/) {}
  // The answer of a backup, on the stream that a primary opened.
  virtual void SendHeld(StreamId /*stream*/, Held /*held*/) {}
};

}  // namespace banyan::server

#endif  // BANYAN_SERVER_SHARD_SHARD_OUTPUT_H_
