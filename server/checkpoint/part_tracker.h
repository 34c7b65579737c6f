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

// The parts of one term's checkpoints as a shard makes them: which chunks have been taken, what is to be told. A part
// is told when it is written, when it cannot be, or when its step was missed.
// Thread-compatible.
class PartTracker {
 public:
  // Another term, or another map: all parts that are not published begin anew.
  void Start(Term term, Epoch epoch);

  // Whether the chunk is to be taken for the checkpoint at `step`; true once a chunk and step.
  bool Take(Step step, ChunkId chunk);

  // The shard was past `step` when it heard of the checkpoint. Ignored when the chunks are being written.
  void Miss(Step step);

  // All chunks are written, or cannot be.
  void OnWritten(Term term, Epoch epoch, Step step,
                 const absl::StatusOr<std::vector<CheckpointPart::Range>>& ranges);

  // What this session has not been told.
  std::vector<CheckpointPart> TakeNew();
  // A new session: it is told of the last two parts again.
  void OnSession() { told_ = 0; }

 private:
  void Finish(CheckpointPart part);

  Term term_ = 0;
  Epoch epoch_ = 0;
  std::map<Step, std::set<ChunkId>> taken_;  // of parts that are being written
  std::set<Step> over_;                      // of finished parts
  std::deque<CheckpointPart> parts_;         // the newest ones
  size_t told_ = 0;                          // the first so many
};

}  // namespace banyan::server

#endif  // BANYAN_SERVER_CHECKPOINT_PART_TRACKER_H_
