#ifndef BANYAN_WORKER_TRAINING_LEAF_WORKER_H_
#define BANYAN_WORKER_TRAINING_LEAF_WORKER_H_

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/job/job_plan.h"
#include "worker/compute/lane.h"
#include "worker/data/dataset.h"
#include "worker/data/leaf_reader.h"
#include "worker/training/action.h"
#include "worker/training/gradient_reducer.h"
#include "worker/training/reducer_sink.h"
#include "worker/training/set_layout.h"

namespace banyan::worker {

// Carries out the actions of one leaf at a time on one lane: reads its samples, computes, hands its gradients over.
// Used by one thread, whose first act was Device::EnterComputeThread. After the first leaf of each size it allocates
// nothing.
class LeafWorker {
 public:
  // What all of a job's leaf workers share; outlives them.
  struct Job {
    const JobPlan* plan = nullptr;
    const Dataset* data = nullptr;
    const SetLayout* layout = nullptr;
    GradientReducer* reducer = nullptr;
    Weights weights;
  };

  // FAILED_PRECONDITION where the data are not the plan's.
  static absl::StatusOr<std::unique_ptr<LeafWorker>> Create(const Job& job, Device& device, OperatorFactory& factory);

  // `actions` are one stage's, of the leaf that `run` was started for. An error means that nothing of the leaf may be
  // used. UNIMPLEMENTED: actions between stages.
  absl::Status Run(std::span<const Action> actions, Step step, LeafRun& run);

  // Lane's. Any thread may ask.
  uint64_t layers_run() const { return lane_->layers_run(); }

 private:
  LeafWorker(const Job& job, LeafReader reader, std::unique_ptr<Lane> lane);

  std::span<std::byte> InputBytes(uint64_t samples) const;
  std::span<std::byte> TargetBytes(uint64_t samples) const;

  void Load(Step step, uint32_t leaf);
  absl::Status Train(Step step, LeafRun& run);
  absl::Status Evaluate(Step step, LeafRun& run);
  LeafData DataOf(Step step, int64_t first_sample, int64_t samples) const;

  const Job job_;
  const LeafReader reader_;
  const DType input_type_;
  const DType target_type_;
  const std::unique_ptr<Lane> lane_;
  ReducerSink sink_;
  Buffer inputs_;   // leaf_samples of them
  Buffer targets_;
  int64_t loaded_ = 0;  // samples
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_TRAINING_LEAF_WORKER_H_
