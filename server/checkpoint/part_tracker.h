#ifndef BANYAN_SERVER_CHECKPOINT_PART_TRACKER_H_
#define BANYAN_SERVER_CHECKPOINT_PART_TRACKER_H_

#include <deque>
#include <map>
#include <set>
#include <vector>

#include "absl/status/statusor.h"
#include "common/protocol/ids.h"
#include "common/protocol/session.h"

namespace banyan::server {

// The parts of one term's checkpoints as a shard makes them: which chunks have been taken, which are written, what is
// to be told. A part is told when all its chunks are written, when one of them cannot be, or when its step was missed.
// Thread-compatible.
class PartTracker {
 public:
  // Another term, with `chunks` to write for each checkpoint.
  void Start(Term term, size_t chunks);

  // Whether the chunk is to be taken for the checkpoint at `step`; true once a chunk and step.
  bool Take(Step step, ChunkId chunk);

  // The shard was past `step` when it heard of the checkpoint. Ignored when the chunks are being written.
  void Miss(Step step);

  // A taken chunk is written, or cannot be.
  void OnWritten(Term term, Step step, ChunkId chunk, const absl::StatusOr<std::vector<CheckpointPart::Range>>& ranges);

  // What this session has not been told.
  std::vector<CheckpointPart> TakeNew();
  // A new session: it is told of the last two parts again.
  void OnSession() { told_ = 0; }

 private:
  struct Open {
    std::set<ChunkId> taken;
    size_t written = 0;
    CheckpointPart part;
  };

  void Finish(CheckpointPart part);

  Term term_ = 0;
  size_t chunks_ = 0;
  std::map<Step, Open> open_;
  std::set<Step> over_;               // told, or given up
  std::deque<CheckpointPart> parts_;  // the newest ones
  size_t told_ = 0;                   // the first so many
};

}  // namespace banyan::server

#endif  // BANYAN_SERVER_CHECKPOINT_PART_TRACKER_H_
