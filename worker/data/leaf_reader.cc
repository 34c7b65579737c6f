#include "worker/data/leaf_reader.h"

#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace banyan::worker {

absl::StatusOr<LeafReader> LeafReader::Make(const JobPlan& plan, const Dataset& data) {
  const DataFacts& facts = data.facts();
  if (facts.hash != plan.data_hash) {
    return absl::FailedPreconditionError(absl::StrCat("this worker's data has hash ", facts.hash, ", the job's has ",
                                                      plan.data_hash, "; give every worker the same files"));
  }
  CHECK_EQ(facts.samples, plan.training_samples);
  CHECK_EQ(data.input_bytes(), static_cast<size_t>(ElementsOf(plan.graph.tensor(plan.graph.input).shape)) * 4);
  CHECK_EQ(data.target_bytes(), static_cast<size_t>(ElementsOf(plan.graph.tensor(plan.graph.targets).shape)) * 4);
  return LeafReader(SampleOrder({.seed = plan.seed,
                                 .samples = plan.training_samples,
                                 .batch = plan.batch_samples,
                                 .leaf = plan.leaf_samples}),
                    data);
}

void LeafReader::Read(DataPart part, uint64_t sample, uint64_t place, std::span<std::byte> input,
                      std::span<std::byte> targets) const {
  data_->Read(part, sample, input.subspan(input_bytes(place), data_->input_bytes()),
              targets.subspan(target_bytes(place), data_->target_bytes()));
}

void LeafReader::ReadTraining(uint64_t step, uint32_t leaf, std::span<std::byte> input,
                              std::span<std::byte> targets) const {
  const uint64_t samples = TrainingSamples(leaf);
  CHECK_GE(input.size(), input_bytes(samples));
  CHECK_GE(targets.size(), target_bytes(samples));
  order_.ForEachLeafSample(step, leaf, [&](uint64_t place, uint64_t sample) {
    Read(DataPart::kTraining, sample, place, input, targets);
  });
}

void LeafReader::ReadHeldOut(SampleRange samples, std::span<std::byte> input, std::span<std::byte> targets) const {
  CHECK_GE(input.size(), input_bytes(samples.size()));
  CHECK_GE(targets.size(), target_bytes(samples.size()));
  for (uint64_t i = 0; i < samples.size(); ++i) Read(DataPart::kHeldOut, samples.begin + i, i, input, targets);
}

}  // namespace banyan::worker
