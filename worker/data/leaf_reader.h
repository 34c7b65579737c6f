#ifndef BANYAN_WORKER_DATA_LEAF_READER_H_
#define BANYAN_WORKER_DATA_LEAF_READER_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "common/data/held_out.h"
#include "common/data/sample_order.h"
#include "common/job/job_plan.h"
#include "worker/data/dataset.h"

namespace banyan::worker {

// Fills the buffers of a job's leaves: which samples a leaf of a step has, and what is in them. Samples lie one after
// another: input [samples, shape of the graph's input], targets likewise. Thread-safe.
class LeafReader {
 public:
  // FAILED_PRECONDITION where `data` is not the data that the plan was made from (its hash is another). `data` outlives
  // the reader.
  static absl::StatusOr<LeafReader> Make(const JobPlan& plan, const Dataset& data);

  size_t input_bytes(uint64_t samples) const { return samples * data_->input_bytes(); }
  size_t target_bytes(uint64_t samples) const { return samples * data_->target_bytes(); }

  // Samples of training leaf `leaf`, the same in every step.
  uint64_t TrainingSamples(uint32_t leaf) const { return order_.LeafSize(leaf); }
  // Reads them into the fronts of buffers that are large enough.
  void ReadTraining(uint64_t step, uint32_t leaf, std::span<std::byte> input, std::span<std::byte> targets) const;

  // Held-out samples of leaf `leaf` when an evaluation uses the first `samples` of them (EvaluationPlan::SamplesIn).
  SampleRange HeldOutSamples(uint64_t samples, uint32_t leaf) const {
    return EvaluationRun(samples, order_.leaves(), leaf);
  }
  // Reads some of them, for a run may be far larger than a training leaf.
  void ReadHeldOut(SampleRange samples, std::span<std::byte> input, std::span<std::byte> targets) const;

 private:
  LeafReader(const SampleOrder& order, const Dataset& data) : order_(order), data_(&data) {}

  void Read(DataPart part, uint64_t sample, uint64_t place, std::span<std::byte> input,
            std::span<std::byte> targets) const;

  SampleOrder order_;
  const Dataset* data_;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_DATA_LEAF_READER_H_
