#include "common/job/job_plan.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/job/decay.h"
#include "proto/job.pb.h"

namespace banyan {
namespace {

constexpr uint64_t kMaxLeaves = uint64_t{1} << 20;
constexpr uint64_t kMaxSteps = 1'000'000'000'000;

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
  if (batch.leaves > kMaxLeaves) {
    return absl::InvalidArgumentError(absl::StrCat("recipe.batch.leaf: ", batch.leaf, " gives ", batch.leaves,
                                                   " leaves a step, expected at most ", kMaxLeaves,
                                                   "; use larger leaves"));
  }
  return batch;
}

uint64_t CeilDivide(uint64_t a, uint64_t b) { return a / b + (a % b != 0); }

// ceil(epochs * N / B), where a quotient that misses an integer by rounding alone is that integer.
double StepsOfEpochs(double epochs, uint64_t samples, uint64_t batch) {
  const double steps = epochs * static_cast<double>(samples) / static_cast<double>(batch);
  return std::max(1.0, std::ceil(steps * (1 - 0x1p-50)));
}

absl::StatusOr<uint64_t> LastStep(const v1::Until& until, uint64_t samples, uint64_t batch) {
  double steps = 0;
  switch (until.kind_case()) {
    case v1::Until::kSteps: steps = static_cast<double>(until.steps()); break;
    case v1::Until::kSamples: steps = static_cast<double>(CeilDivide(until.samples(), batch)); break;
    case v1::Until::kEpochs: steps = StepsOfEpochs(until.epochs(), samples, batch); break;
    case v1::Until::KIND_NOT_SET:
      return absl::InvalidArgumentError("recipe.until: absent, expected one of steps, epochs, samples");
  }
  if (!(steps >= 1 && steps <= static_cast<double>(kMaxSteps))) {
    return absl::InvalidArgumentError(
        absl::StrCat("recipe.until: gives ", steps, " steps, expected 1 to ", kMaxSteps));
  }
  return static_cast<uint64_t>(steps);
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

SampleRun EvaluationPlan::Run(uint64_t step, uint32_t leaf, uint32_t leaves) const {
  CHECK(DueIn(step));
  CHECK_LT(leaf, leaves);
  const uint64_t count = step == weights.last_step + 1 ? samples_at_end : samples;
  // The first count % leaves runs are one sample longer.
  const auto begin = [&](uint64_t i) { return count / leaves * i + std::min(i, count % leaves); };
  return {.begin = begin(leaf), .end = begin(uint64_t{leaf} + 1)};
}

absl::StatusOr<JobPlan> JobPlan::Make(const v1::Job& job, const DataFacts& data, std::string device_kind) {
  const v1::Recipe& recipe = job.recipe();
  if (data.samples == 0) return absl::InvalidArgumentError("recipe.data: no training samples, expected at least one");
  ASSIGN_OR_RETURN(Graph graph, BuildGraph(recipe.model(), data.shape));
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
