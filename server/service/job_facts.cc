#include "server/service/job_facts.h"

#include <utility>

#include "common/base/status.h"
#include "common/config/defaults.h"
#include "common/job/checkpoint_tensors.h"
#include "common/rpc/session_codec.h"
#include "proto/cluster.pb.h"

namespace banyan::server {

absl::StatusOr<std::shared_ptr<const JobFacts>> JobFacts::Make(const v1::ResolvedJob& resolved, FileSystem& files,
                                                               const Roots& roots) {
  const v1::Job job = config::WithDefaults(resolved.job());
  ASSIGN_OR_RETURN(JobPlan plan, JobPlan::Make(job, DecodeDataFacts(resolved.data()), resolved.device_kind()));
  ASSIGN_OR_RETURN(OptimizerPlan optimizer, MakeOptimizer(job.recipe().optimizer()));
  const Schedule schedule = MakeSchedule(job.recipe().schedule(), plan.last_step);
  const std::span<const std::string_view> slots = optimizer.rule->SlotNames();
  ASSIGN_OR_RETURN(CheckpointLayout layout, CheckpointLayout::Create(CheckpointTensorsOf(plan, slots)));
  std::string initial_weights;
  if (job.recipe().model().has_init_from()) {
    ASSIGN_OR_RETURN(initial_weights, roots.Resolve(files, job.recipe().model().init_from()));
  }
  std::vector<std::string> slot_names(slots.begin(), slots.end());
  return std::make_shared<const JobFacts>(JobFacts{.id = resolved.id(),
                                                   .plan = std::move(plan),
                                                   .optimizer = std::move(optimizer),
                                                   .schedule = schedule,
                                                   .slots = std::move(slot_names),
                                                   .layout = std::move(layout),
                                                   .initial_weights = std::move(initial_weights)});
}

}  // namespace banyan::server
