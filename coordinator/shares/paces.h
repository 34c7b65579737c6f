#ifndef BANYAN_COORDINATOR_SHARES_PACES_H_
#define BANYAN_COORDINATOR_SHARES_PACES_H_

#include <cstdint>
#include <map>
#include <vector>

#include "absl/time/time.h"
#include "common/protocol/ids.h"
#include "common/tree/balance.h"

namespace banyan::coordinator {

// How fast a job's workers are, from what they report; what leaf plans are made of. Told the time, keeps no clock.
// Thread-compatible.
//
// A worker that gets no leaves is not measured any more, and would get none for ever, though it may have been slow for a
// moment only. So a measurement that is older than the others' drifts to the fastest worker's: it is halved every
// `half_life`, until the worker is given a leaf and measured anew.
class Paces {
 public:
  // `leaf_seconds` as the worker measured them, 0 for not yet; `leaves` it has computed so far in its life.
  void Hear(WorkerId worker, double leaf_seconds, double push_seconds, uint64_t leaves, absl::Duration now);
  void Forget(WorkerId worker) { measured_.erase(worker); }

  bool measured(WorkerId worker) const { return measured_.contains(worker); }

  // Of each of `workers`; who is not measured is taken for the median of those who are.
  std::vector<WorkerPace> Of(const std::vector<WorkerId>& workers, absl::Duration half_life) const;

 private:
  struct Measurement {
    WorkerPace pace;
    uint64_t leaves = 0;
    absl::Duration at;  // when `leaves` grew
  };

  std::map<WorkerId, Measurement> measured_;
};

// Whether a plan with shares `then` ends a step so much (5 %) earlier than one with `now` that it pays to change.
bool Gains(const std::vector<uint32_t>& then, const std::vector<uint32_t>& now, const std::vector<WorkerPace>& paces);

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_SHARES_PACES_H_
