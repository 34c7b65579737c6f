#ifndef BANYAN_TESTS_SIMULATOR_TOY_MODEL_H_
#define BANYAN_TESTS_SIMULATOR_TOY_MODEL_H_

#include <cstdint>
#include <span>
#include <vector>

#include "worker/client/step_types.h"
#include "worker/training/gradient_reducer.h"

namespace banyan::simulator {

using Values = std::vector<std::vector<float>>;  // [chunk][element]

// Weight and loss of a leaf.
struct LeafLoss {
  double weight = 0;
  double loss = 0;
};

// Stands for a model: gradients that depend on every chunk's weights, on the step, the leaf and the use, in numbers
// whose sums depend on their order.
class ToyModel {
 public:
  // `layout` has a piece for each position; positions with the same chunk are its uses.
  ToyModel(std::vector<worker::Position> positions, worker::GradientLayout layout);

  const std::vector<worker::Position>& positions() const { return positions_; }
  const worker::GradientLayout& layout() const { return layout_; }

  // A number that depends on all weights.
  static float Digest(const Values& weights);
  LeafLoss Loss(float digest, Step step, uint32_t leaf, worker::Pass pass) const;
  // Writes position `position` of a gradient set.
  void Gradient(uint32_t position, const Values& weights, float digest, Step step, uint32_t leaf,
                std::span<float> set) const;

 private:
  const std::vector<worker::Position> positions_;
  const worker::GradientLayout layout_;
};

}  // namespace banyan::simulator

#endif  // BANYAN_TESTS_SIMULATOR_TOY_MODEL_H_
