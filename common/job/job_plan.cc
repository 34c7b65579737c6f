#include "common/job/job_plan.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/data/until.h"
#include "common/job/decay.h"
#include "common/model/build.h"
#include "common/tree/tree.h"
#include "proto/job.pb.h"

namespace banyan {
namespace {

struct Batch {
  uint64_t samples;
  uint64_t leaf;
  uint64_t micro;
  uint64_t leaves;
};

absl::StatusOr<Batch> ReadBatch(const v1::Batch& job) {
  Batch batch{.samples = job.samples(),
              .leaf = job.leaf(),
              .micro = job.has_micro() ? job.micro() : job.leaf(),
              .leaves = 0};
  CHECK(batch.samples > 0 && batch.leaf > 0 && batch.micro > 0);  // their bounds
  if (batch.leaf > batch.samples) {
    return absl::InvalidArgumentError(absl::StrCat("recipe.batch.leaf: ", batch.leaf,
                                                   ", expected at most the batch's samples, ", batch.samples));
  }
  if (batch.micro > batch.leaf) {
    return absl::InvalidArgumentError(absl::StrCat("recipe.batch.micro: ", batch.micro,
                                                   ", expected at most a leaf's samples, ", batch.leaf));
  }
  batch.leaves = (batch.samples - 1) / batch.leaf + 1;
  if (batch.leaves > Tree::kMaxLeaves) {
    return absl::InvalidArgumentError(absl::StrCat("recipe.batch.leaf: ", batch.leaf, " gives ", batch.leaves,
                                                   " leaves a step, expected at most ", Tree::kMaxLeaves,
                                                   "; use larger leaves"));
  }
  return batch;
}

absl::StatusOr<Until> ReadUntil(const v1::Until& until) {
  switch (until.kind_case()) {
    case v1::Until::kSteps: return UntilSteps{until.steps()};
    case v1::Until::kSamples: return UntilSamples{until.samples()};
    case v1::Until::kEpochs: return UntilEpochs{until.epochs()};
    case v1::Until::KIND_NOT_SET: break;
  }
  return absl::InvalidArgumentError("absent, expected one of steps, epochs, samples");
}

absl::StatusOr<uint64_t> LastStep(const v1::Until& job, uint64_t samples, uint64_t batch) {
  const absl::StatusOr<Until> until = ReadUntil(job);
  absl::StatusOr<uint64_t> steps = until.ok() ? TotalSteps(*until, samples, batch) : until.status();
  if (!steps.ok()) return Annotate(steps.status(), "recipe.until");
  return steps;
}

absl::StatusOr<uint64_t> ReadSampleCount(const v1::SampleCount& count, uint64_t held_out, const char* field) {
  if (count.kind_case() != v1::SampleCount::kCount) return held_out;  // all
  if (count.count() > held_out) {
    return absl::InvalidArgumentError(absl::StrCat("run.evaluate.", field, ": ", count.count(), ", the data has ",
                                                   held_out, " held-out samples"));
  }
  return count.count();
}

absl::StatusOr<std::optional<EvaluationPlan>> ReadEvaluation(const v1::Run& run, uint64_t held_out,
                                                             uint64_t last_step) {
  if (!run.has_evaluate()) return std::nullopt;
  if (held_out == 0) {
    return absl::InvalidArgumentError(
        "run.evaluate: the data has no held-out samples; set held_out of recipe.data higher, or leave evaluate out");
  }
  const v1::Evaluate& evaluate = run.evaluate();
  ASSIGN_OR_RETURN(const uint64_t samples, ReadSampleCount(evaluate.samples(), held_out, "samples"));
  uint64_t at_end = samples;
  if (evaluate.has_at_end()) {
    ASSIGN_OR_RETURN(at_end, ReadSampleCount(evaluate.at_end(), held_out, "at_end"));
  }
  return EvaluationPlan{.weights = {.every = evaluate.every().steps(), .last_step = last_step},
                        .samples = samples,
                        .samples_at_end = at_end};
}

absl::StatusOr<std::vector<bool>> ReadDecay(const Graph& graph, const v1::Optimizer& optimizer) {
  const auto flags = [&](const auto& rule, const char* name) {
    const std::vector<std::string> entries(rule.no_decay().begin(), rule.no_decay().end());
    return DecayFlags(graph, entries, absl::StrCat("recipe.optimizer.", name, ".no_decay"));
  };
  switch (optimizer.kind_case()) {
    case v1::Optimizer::kSgd: return flags(optimizer.sgd(), "sgd");
    case v1::Optimizer::kMomentum: return flags(optimizer.momentum(), "momentum");
    case v1::Optimizer::kAdam: return flags(optimizer.adam(), "adam");
    case v1::Optimizer::kAdamw: return flags(optimizer.adamw(), "adamw");
    case v1::Optimizer::KIND_NOT_SET: break;
  }
  return absl::InvalidArgumentError("recipe.optimizer: absent, expected one of sgd, momentum, adam, adamw");
}

}  // namespace

std::optional<uint64_t> EvaluationPlan::NextDueIn(uint64_t step) const {
  if (step > weights.last_step + 1) return std::nullopt;
  return weights.Next(step == 0 ? 0 : step - 1) + 1;
}

uint64_t EvaluationPlan::SamplesIn(uint64_t step) const {
  CHECK(DueIn(step));
  return step == weights.last_step + 1 ? samples_at_end : samples;
}

absl::StatusOr<JobPlan> JobPlan::Make(const v1::Job& job, const DataFacts& data, std::string device_kind) {
  const v1::Recipe& recipe = job.recipe();
  if (data.samples == 0) return absl::InvalidArgumentError("recipe.data: no training samples, expected at least one");
  ASSIGN_OR_RETURN(Graph graph, BuildGraph(recipe.model(), data));
  CHECK(job.run().servers().has_chunk_bytes() && recipe.has_seed());  // defaults are filled in
  ASSIGN_OR_RETURN(ChunkLayout layout,
                   ChunkLayout::Make(graph, static_cast<int64_t>(job.run().servers().chunk_bytes())));
  ASSIGN_OR_RETURN(const Batch batch, ReadBatch(recipe.batch()));
  ASSIGN_OR_RETURN(const uint64_t last_step, LastStep(recipe.until(), data.samples, batch.samples));
  ASSIGN_OR_RETURN(const auto evaluation, ReadEvaluation(job.run(), data.held_out_samples, last_step));
  ASSIGN_OR_RETURN(std::vector<bool> decays, ReadDecay(graph, recipe.optimizer()));
  const v1::Checkpoint& checkpoint = job.run().checkpoint();
  return JobPlan{.seed = recipe.seed(),
                 .data_hash = data.hash,
                 .device_kind = std::move(device_kind),
                 .graph = std::move(graph),
                 .layout = std::move(layout),
                 .decays = std::move(decays),
                 .training_samples = data.samples,
                 .batch_samples = batch.samples,
                 .leaf_samples = batch.leaf,
                 .micro_samples = batch.micro,
                 .leaves = static_cast<uint32_t>(batch.leaves),
                 .last_step = last_step,
                 .evaluation = evaluation,
                 .checkpoints = {.every = checkpoint.every().steps(), .last_step = last_step}};
}

}  // namespace banyan
