#ifndef BANYAN_SERVER_SHARD_LATE_LEAVES_H_
#define BANYAN_SERVER_SHARD_LATE_LEAVES_H_

#include <array>
#include <cstddef>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "common/protocol/ids.h"
#include "common/protocol/session.h"
#include "common/tree/leaf_set.h"

namespace banyan::server {

// Whose leaves a shard waits for, once it has waited for twice the median step and at least a second. Time is that of
// OnTick. Thread-compatible.
class LateLeaves {
 public:
  void OnTick(absl::Time now) {
    now_ = now;
    if (!since_.has_value()) since_ = now;
  }

  // A step is done on all chunks: the next wait begins.
  void OnStepDone();
  // Something came for the position waited for.
  void OnProgress() { since_ = now_; }
  // Another term.
  void Reset();

  struct Missing {
    Step step = 0;
    ChunkId chunk;
    uint32_t use = 0;
    LeafSet leaves;
  };

  // The wait for `missing`, if it is long; `shares` say who has which leaves.
  std::optional<Wait> Describe(const Missing& missing, const std::vector<Assignment::Share>& shares) const;

 private:
  absl::Duration Patience() const;

  std::optional<absl::Time> now_;
  std::optional<absl::Time> since_;
  std::optional<absl::Time> step_began_;
  std::array<absl::Duration, 15> steps_{};  // the latest steps' times
  size_t count_ = 0;
};

}  // namespace banyan::server

#endif  // BANYAN_SERVER_SHARD_LATE_LEAVES_H_
