#include "common/optimizer/sgd.h"

#include "common/optimizer/elementwise_rule.h"

namespace banyan {
namespace {

struct Sgd {
  static constexpr std::array<std::string_view, 0> kSlotNames = {};

  template <typename T>
  struct Element {
    T gradient_factor, weight_decay, learning_rate;

    BANYAN_INLINE T operator()(T weight, T gradient_sum, std::array<T, 0>&) const {
      const T gradient = gradient_factor * gradient_sum + weight_decay * weight;
      return weight - learning_rate * gradient;
    }
  };

  template <typename T>
  Element<T> ElementOf(const UpdateStep& step, bool decay) const {
    return {
        .gradient_factor = static_cast<T>(step.gradient_factor),
        .weight_decay = static_cast<T>(decay ? options.weight_decay : 0),
        .learning_rate = static_cast<T>(step.learning_rate),
    };
  }

  SgdOptions options;
};

}  // namespace

std::unique_ptr<const UpdateRule> MakeSgd(const SgdOptions& options) {
  return std::make_unique<ElementwiseRule<Sgd>>(Sgd{options});
}

}  // namespace banyan
