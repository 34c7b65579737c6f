#ifndef BANYAN_SERVER_SERVICE_JOB_FACTS_H_
#define BANYAN_SERVER_SERVICE_JOB_FACTS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/checkpoint/layout.h"
#include "common/file/file_system.h"
#include "common/file/roots.h"
#include "common/job/job_plan.h"
#include "common/optimizer/factory.h"
#include "common/optimizer/schedule.h"

namespace banyan::v1 {
class ResolvedJob;
}  // namespace banyan::v1

namespace banyan::server {

// What is fixed of a job on a server. Immutable; shared by everything that works for the job.
struct JobFacts {
  std::string id;
  JobPlan plan;
  OptimizerPlan optimizer;
  Schedule schedule;
  std::vector<std::string> slots;  // the rule's, in its order
  CheckpointLayout layout;
  std::string initial_weights;     // directory of init_from; empty: by Philox

  double LearningRate(uint64_t step) const { return optimizer.learning_rate * schedule.Factor(step); }

  // `job` as the coordinator sends it: validated and resolved.
  static absl::StatusOr<std::shared_ptr<const JobFacts>> Make(const v1::ResolvedJob& job, FileSystem& files,
                                                              const Roots& roots);
};

}  // namespace banyan::server

#endif  // BANYAN_SERVER_SERVICE_JOB_FACTS_H_
