#ifndef BANYAN_COORDINATOR_SHARES_STRAGGLERS_H_
#define BANYAN_COORDINATOR_SHARES_STRAGGLERS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/protocol/ids.h"

namespace banyan::coordinator {

// Which workers of a job are suspected of standing still, so that others had better compute their leaves too. A
// suspicion costs double work when it is wrong, and no bits (rule R1). Told the time, keeps no clock. Thread-compatible.
//
// A worker whose leaves the open step lacks is suspected
//   * when nothing was heard of it for `silence`, its lease notwithstanding, until it is heard again;
//   * when the step takes longer than twice what it ought to, and at least `patience`, while others have nothing left to
//     do: until it finishes a leaf, or kForgiven after.
class Stragglers {
 public:
  static constexpr absl::Duration kForgiven = absl::Seconds(10);

  struct Options {
    absl::Duration silence = absl::Milliseconds(600);
    absl::Duration patience = absl::Milliseconds(600);
  };

  explicit Stragglers(Options options) : options_(options) {}

  // A report came; `leaves` the worker has computed so far. The first one, or having joined, makes it known.
  void Hear(WorkerId worker, uint64_t leaves, absl::Duration now);
  void Forget(WorkerId worker) { workers_.erase(worker); }

  // The lowest step that is not done.
  void StepIs(Step open, absl::Duration now);
  // Leaves were moved: the wait for them begins anew.
  void Restart(absl::Duration now) { since_ = now; }

  struct Judgement {
    WorkerId worker;
    std::string why;  // "was not heard for 700ms"
  };
  // To be called often. Suspects whom it must of `owing`, the workers whose leaves the open step lacks; `idle`: whether there is another one
  // who may compute. `expected`: what a step takes by plan. Returns who is suspected anew. Nobody is when the last call
  // was long ago: whoever calls has stood still itself, and what was said meanwhile is still on its way.
  std::vector<Judgement> Judge(const std::set<WorkerId>& owing, bool idle, absl::Duration expected, absl::Duration now);

  bool suspected(WorkerId worker) const;

 private:
  enum class Suspicion { kNone, kSilent, kLate };
  struct Worker {
    absl::Duration heard;
    uint64_t leaves = 0;
    Suspicion suspicion = Suspicion::kNone;
    absl::Duration suspected_at;
  };

  absl::Duration Limit(absl::Duration expected) const;

  const Options options_;
  std::map<WorkerId, Worker> workers_;
  Step open_ = 0;
  absl::Duration since_;
  absl::Duration step_began_;
  absl::Duration judged_;
  std::array<absl::Duration, 9> steps_{};  // the latest steps' times
  size_t count_ = 0;
};

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_SHARES_STRAGGLERS_H_
