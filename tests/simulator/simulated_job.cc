#include "tests/simulator/simulated_job.h"

#include <span>
#include <utility>

#include "common/base/check.h"
#include "common/digest/xxh3.h"
#include "common/job/checkpoint_tensors.h"

namespace banyan::simulator {
namespace {

std::vector<std::string> SlotsOf(const server::ToyJob& toy) {
  const auto names = toy.rule().SlotNames();
  return std::vector<std::string>(names.begin(), names.end());
}

CheckpointLayout LayoutOf(const server::ToyJob& toy) {
  absl::StatusOr<CheckpointLayout> layout =
      CheckpointLayout::Create(CheckpointTensorsOf(toy.plan(), toy.rule().SlotNames()));
  CHECK(layout.ok());
  return *std::move(layout);
}

}  // namespace

SimulatedJob::SimulatedJob(const server::ToyJob::Options& options)
    : options_(options),
      toy_(options),
      file_(server::ToyJob::JobOf(options)),
      layout_(worker::SetLayout::Make(toy_.plan().graph, toy_.plan().layout)),
      slots_(SlotsOf(toy_)),
      checkpoint_(LayoutOf(toy_)) {}

const SimulatedJob& SimulatedJob::replay() const {
  if (replay_ == nullptr) {
    server::ToyJob::Options options = options_;
    options.evaluate = false;
    options.checkpoints = false;
    replay_ = std::make_unique<const SimulatedJob>(options);
  }
  return *replay_;
}

const Push& SimulatedJob::LeafPush(Step step, ChunkId chunk, uint32_t use, uint32_t leaf) const {
  const std::tuple key(step, chunk, use, leaf);
  const auto known = pushes_.find(key);
  if (known != pushes_.end()) return known->second;
  return pushes_.emplace(key, toy_.PushOf(1, step, chunk, use, Tree(plan().leaves).Leaf(leaf))).first->second;
}

uint64_t SimulatedJob::WeightsChecksum(Step step, ChunkId chunk) const {
  const auto [known, fresh] = checksums_.try_emplace({step, chunk});
  if (fresh) known->second = Xxh3(std::as_bytes(std::span(toy_.At(step, chunk).weights)));
  return known->second;
}

}  // namespace banyan::simulator
