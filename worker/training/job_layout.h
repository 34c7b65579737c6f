#ifndef BANYAN_WORKER_TRAINING_JOB_LAYOUT_H_
#define BANYAN_WORKER_TRAINING_JOB_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/job/job_plan.h"
#include "worker/client/step_types.h"
#include "worker/training/gradient_reducer.h"

namespace banyan::worker {

// Where the gradients of a job's parameters lie in a gradient set, and which positions they complete. Immutable;
// thread-safe.
class JobLayout {
 public:
  explicit JobLayout(const JobPlan& plan);

  const GradientLayout& gradients() const { return gradients_; }
  const std::vector<Position>& positions() const { return positions_; }

  struct Run {
    size_t offset = 0;  // floats, from the set's start; a multiple of 16
    size_t size = 0;
  };
  Run RunOf(ParameterUse use) const { return runs_[use.parameter.value()][use.use]; }
  // Indexes of the positions that are complete once this gradient is, and those that backward makes before it.
  std::span<const uint32_t> CompletedBy(ParameterUse use) const {
    return completed_by_[use.parameter.value()][use.use];
  }

 private:
  GradientLayout gradients_;
  std::vector<Position> positions_;
  std::vector<std::vector<Run>> runs_;                             // [parameter][use]
  std::vector<std::vector<std::vector<uint32_t>>> completed_by_;  // [parameter][use]
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_TRAINING_JOB_LAYOUT_H_
