#ifndef BANYAN_COMMON_JOB_JOB_PLAN_H_
#define BANYAN_COMMON_JOB_JOB_PLAN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/data/data_facts.h"
#include "common/job/due_steps.h"
#include "common/model/chunk_layout.h"
#include "common/model/graph.h"

namespace banyan {

namespace v1 {
class Job;
}  // namespace v1

// Which weights are evaluated, on what. Weights @t are evaluated in step t + 1: step last_step + 1 holds nothing else.
struct EvaluationPlan {
  DueSteps weights;             // the steps t whose weights are evaluated
  uint64_t samples = 0;         // the first held-out ones, for t < last_step
  uint64_t samples_at_end = 0;  // for t = last_step

  // Whether chunk e is due in step `step`.
  bool DueIn(uint64_t step) const { return step > 0 && weights.Due(step - 1); }
  // The first step >= `step` in which e is due; none after step last_step + 1.
  std::optional<uint64_t> NextDueIn(uint64_t step) const;
  // Held-out samples used in a step in which e is due; a leaf's part of them is EvaluationRun (common/data/held_out.h).
  uint64_t SamplesIn(uint64_t step) const;
};

// What every role of a job must agree on, worked out by each from the job, the facts of its data and the device kind.
// Steps count from 1; step 0 is the initial state. Immutable; thread-safe.
struct JobPlan {
  uint64_t seed = 0;
  std::string data_hash;
  std::string device_kind;  // whose bits the job has

  Graph graph;
  ChunkLayout layout;
  std::vector<bool> decays;  // by ParameterId: whether weight decay applies

  uint64_t training_samples = 0;  // N: the data's
  uint64_t batch_samples = 0;     // B: a step's
  uint64_t leaf_samples = 0;      // of every leaf but a step's last, which may be shorter
  uint64_t micro_samples = 0;     // at most leaf_samples
  uint32_t leaves = 0;            // L = ceil(batch_samples / leaf_samples)
  uint64_t last_step = 0;         // T

  std::optional<EvaluationPlan> evaluation;
  DueSteps checkpoints;  // beside step 0

  // Steps with work in them: last_step, and one more when the last weights are evaluated.
  uint64_t last_protocol_step() const { return last_step + (evaluation.has_value() ? 1 : 0); }

  // `job` has its defaults filled in and every field within its bounds. Fails when job and data do not fit together,
  // with the field first: `run.evaluate.samples: 256, the data has 100 held-out samples`.
  static absl::StatusOr<JobPlan> Make(const v1::Job& job, const DataFacts& data, std::string device_kind);
};

}  // namespace banyan

#endif  // BANYAN_COMMON_JOB_JOB_PLAN_H_
