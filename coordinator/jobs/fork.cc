#include "coordinator/jobs/fork.h"

#include <map>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/job/checkpoint_tensors.h"
#include "common/job/job_plan.h"
#include "common/optimizer/factory.h"

namespace banyan::coordinator {
namespace {

absl::StatusOr<std::vector<CheckpointTensor>> TensorsOf(const v1::Job& job, const JobPlan& plan) {
  ASSIGN_OR_RETURN(const OptimizerPlan optimizer, MakeOptimizer(job.recipe().optimizer()));
  return CheckpointTensorsOf(plan, optimizer.rule->SlotNames());
}

std::string ShapeText(const CheckpointTensor& tensor) {
  return absl::StrCat("[", absl::StrJoin(tensor.shape, ", "), "]");
}

// That the parent's state is one of the fork's model and optimizer.
absl::Status CheckTensors(const std::string& parent, const std::vector<CheckpointTensor>& had,
                          const std::vector<CheckpointTensor>& wanted) {
  std::map<std::string, const CheckpointTensor*> known;
  for (const CheckpointTensor& tensor : had) known[tensor.name] = &tensor;
  for (const CheckpointTensor& tensor : wanted) {
    const auto found = known.find(tensor.name);
    if (found == known.end()) {
      return absl::InvalidArgumentError(absl::StrCat("recipe.model: parameter '", tensor.name, "' is not in job ",
                                                     parent, "; a fork keeps its parent's parameters"));
    }
    const CheckpointTensor& before = *found->second;
    if (tensor.shape != before.shape) {
      return absl::InvalidArgumentError(absl::StrCat("recipe.model: parameter '", tensor.name, "' has shape ",
                                                     ShapeText(tensor), ", in job ", parent, " it has ",
                                                     ShapeText(before), "; a fork keeps its parent's shapes"));
    }
    if (tensor.slots != before.slots) {
      return absl::InvalidArgumentError(absl::StrCat("recipe.optimizer: keeps [", absl::StrJoin(tensor.slots, ", "),
                                                     "] for each parameter, that of job ", parent, " [",
                                                     absl::StrJoin(before.slots, ", "),
                                                     "]; a fork keeps the kind of its parent's optimizer"));
    }
    known.erase(found);
  }
  if (known.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("recipe.model: has no parameter '", known.begin()->first,
                                                 "', job ", parent, " has; a fork keeps its parent's parameters"));
}

absl::Status CheckRecipe(const JobRecord& parent, const ForkRequest& request) {
  const v1::Recipe& before = parent.job.recipe();
  const v1::Recipe& recipe = request.job.recipe();
  if (recipe.batch().samples() != before.batch().samples()) {
    return absl::InvalidArgumentError(absl::StrCat("recipe.batch.samples: ", recipe.batch().samples(), ", job ",
                                                   parent.id, " has ", before.batch().samples(),
                                                   "; a fork keeps the samples of a step, for they say which come next"));
  }
  if (recipe.model().init_from() != before.model().init_from()) {
    return absl::InvalidArgumentError(absl::StrCat("recipe.model.init_from: '", recipe.model().init_from(), "', job ",
                                                   parent.id, " has '", before.model().init_from(),
                                                   "'; a fork begins with its parent's state"));
  }
  // Other data have other facts, which are found out when the fork comes to its own recipe.
  if (!SameData(recipe, before)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const JobPlan old_plan, JobPlan::Make(parent.job, *parent.data, parent.device_kind));
  ASSIGN_OR_RETURN(const JobPlan plan, JobPlan::Make(request.job, *parent.data, parent.device_kind));
  if (plan.last_step <= request.step) {
    return absl::InvalidArgumentError(absl::StrCat("recipe.until: is step ", plan.last_step,
                                                   ", and the fork begins after step ", request.step,
                                                   "; set recipe.until.steps higher"));
  }
  ASSIGN_OR_RETURN(const std::vector<CheckpointTensor> had, TensorsOf(parent.job, old_plan));
  ASSIGN_OR_RETURN(const std::vector<CheckpointTensor> wanted, TensorsOf(request.job, plan));
  return CheckTensors(parent.id, had, wanted);
}

}  // namespace

bool SameData(const v1::Recipe& a, const v1::Recipe& b) {
  return a.data().SerializeAsString() == b.data().SerializeAsString();
}

bool Replays(const JobRecord& record) { return record.fork.has_value() && !record.fork->origin.has_value(); }

v1::Job PresentJob(const JobRecord& record) {
  v1::Job job = record.job;
  if (!Replays(record)) return job;
  *job.mutable_recipe() = record.fork->recipe;
  job.mutable_run()->clear_evaluate();
  job.mutable_run()->mutable_checkpoint()->clear_every();
  return job;
}

absl::Status CheckForkStep(const JobRecord& parent, Step lines, Step step) {
  if (step == 0) {
    return absl::FailedPreconditionError(absl::StrCat("step 0 is the initial state of job ", parent.id,
                                                      ", not one of its steps; submit its job file instead"));
  }
  if (Replays(parent)) {
    return absl::FailedPreconditionError(absl::StrCat("job ", parent.id, " still computes the steps of its parent, ",
                                                      parent.fork->parent, "; fork that one, or wait"));
  }
  if (step > lines) {
    return absl::FailedPreconditionError(absl::StrCat("job ", parent.id, " has come to step ", lines,
                                                      ", there is no state after step ", step, " yet"));
  }
  if (parent.fork.has_value() && step < parent.fork->step) {
    return absl::FailedPreconditionError(absl::StrCat("step ", step, " of job ", parent.id, " is one of its parent, job ",
                                                      parent.fork->parent, ", of which it was forked at step ",
                                                      parent.fork->step, "; fork job ", parent.fork->parent));
  }
  return absl::OkStatus();
}

absl::StatusOr<JobRecord> MakeFork(const JobRecord& parent, ForkRequest request) {
  RETURN_IF_ERROR(CheckRecipe(parent, request));
  JobRecord record;
  record.job = std::move(request.job);
  record.leaf_plan = std::move(request.leaf_plan);
  record.data = parent.data;
  record.initial_weights = parent.initial_weights;
  record.device_kind = parent.device_kind;
  record.fork = JobRecord::Fork{.parent = parent.id,
                                .step = request.step,
                                .least = parent.fork.has_value() ? parent.fork->step : 0,
                                .recipe = parent.job.recipe(),
                                .source = std::move(request.source)};
  return record;
}

}  // namespace banyan::coordinator
