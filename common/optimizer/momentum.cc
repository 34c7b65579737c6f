#include "common/optimizer/momentum.h"

#include "common/optimizer/elementwise_rule.h"

namespace banyan {
namespace {

template <bool kNesterov>
struct Momentum {
  static constexpr std::array<std::string_view, 1> kSlotNames = {"momentum_buffer"};

  template <typename T>
  struct Element {
    T gradient_factor, weight_decay, momentum, learning_rate;

    BANYAN_INLINE T operator()(T weight, T gradient_sum, std::array<T, 1>& slots) const {
      const T gradient = gradient_factor * gradient_sum + weight_decay * weight;
      const T velocity = momentum * slots[0] + gradient;
      slots[0] = velocity;
      const T direction = kNesterov ? gradient + momentum * velocity : velocity;
      return weight - learning_rate * direction;
    }
  };

  template <typename T>
  Element<T> ElementOf(const UpdateStep& step, bool decay) const {
    return {
        .gradient_factor = static_cast<T>(step.gradient_factor),
        .weight_decay = static_cast<T>(decay ? options.weight_decay : 0),
        .momentum = static_cast<T>(options.momentum),
        .learning_rate = static_cast<T>(step.learning_rate),
    };
  }

  MomentumOptions options;
};

}  // namespace

std::unique_ptr<const UpdateRule> MakeMomentum(const MomentumOptions& options) {
  if (options.nesterov) return std::make_unique<ElementwiseRule<Momentum<true>>>(Momentum<true>{options});
  return std::make_unique<ElementwiseRule<Momentum<false>>>(Momentum<false>{options});
}

}  // namespace banyan
