#include "tests/simulator/toy_model.h"

#include <utility>

#include "common/base/check.h"

namespace banyan::simulator {
namespace {

// A number in [-1, 1) that has no pattern.
float Noise(uint64_t a, uint64_t b, uint64_t c) {
  uint64_t x = a * 0x9E3779B97F4A7C15u + b * 0xC2B2AE3D27D4EB4Fu + c * 0x165667B19E3779F9u + 1;
  x ^= x >> 31;
  x *= 0xBF58476D1CE4E5B9u;
  x ^= x >> 27;
  return static_cast<float>(static_cast<int32_t>(x >> 32)) * 0x1p-31f;
}

}  // namespace

ToyModel::ToyModel(std::vector<worker::Position> positions, worker::GradientLayout layout)
    : positions_(std::move(positions)), layout_(std::move(layout)) {
  CHECK_EQ(positions_.size(), layout_.positions.size());
}

float ToyModel::Digest(const Values& weights) {
  float digest = 0;
  for (const std::vector<float>& chunk : weights) {
    digest = digest * 0.37f + chunk.front() + 0.5f * chunk[chunk.size() / 2];
  }
  return digest;
}

LeafLoss ToyModel::Loss(float digest, Step step, uint32_t leaf, worker::Pass pass) const {
  const bool train = pass == worker::Pass::kTrain;
  return {.weight = train ? 2.0 : 1.0 + leaf % 3,
          .loss = (1.0 + 0.1 * digest) * (1.5 + static_cast<double>(Noise(step, leaf, train ? 7 : 8)))};
}

void ToyModel::Gradient(uint32_t position, const Values& weights, float digest, Step step, uint32_t leaf,
                        std::span<float> set) const {
  const std::vector<float>& chunk = weights[positions_[position].chunk.value()];
  for (const worker::GradientLayout::Piece& piece : layout_.positions[position].pieces) {
    const float shift = Noise(step, leaf, position) + 0.01f * digest;
    for (size_t i = 0; i < piece.size; ++i) {
      const float w = chunk[piece.chunk_offset + i];
      set[piece.set_offset + i] = (w + shift) * (1.0f + 1e-3f * static_cast<float>(i % 17));
    }
  }
}

}  // namespace banyan::simulator
