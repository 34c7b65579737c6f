#ifndef BANYAN_COMMON_OPTIMIZER_FACTORY_H_
#define BANYAN_COMMON_OPTIMIZER_FACTORY_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "common/optimizer/decay_filter.h"
#include "common/optimizer/schedule.h"
#include "common/optimizer/update_rule.h"

namespace banyan::v1 {
class Optimizer;
class Schedule;
}  // namespace banyan::v1

namespace banyan {

// What a job's `optimizer` and `schedule` ask for.
struct OptimizerPlan {
  std::unique_ptr<const UpdateRule> rule;
  // Before the schedule's factor.
  double learning_rate = 0;
  // 0: no clipping.
  double clip_norm = 0;
  DecayFilter decay;
};

// Absent fields take the defaults of proto/job.proto. The message comes from a validated job; a field outside its
// bounds or no optimizer at all is INVALID_ARGUMENT.
absl::StatusOr<OptimizerPlan> MakeOptimizer(const v1::Optimizer& optimizer);

// `total_steps`: the job's last step.
Schedule MakeSchedule(const v1::Schedule& schedule, uint64_t total_steps);

}  // namespace banyan

#endif  // BANYAN_COMMON_OPTIMIZER_FACTORY_H_
