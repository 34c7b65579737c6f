#include "common/optimizer/adam.h"

#include <cmath>

#include "common/math/elementary.h"
#include "common/optimizer/elementwise_rule.h"

namespace banyan {
namespace {

struct Adam {
  static constexpr std::array<std::string_view, 2> kSlotNames = {"exp_avg", "exp_avg_sq"};

  template <typename T>
  struct Element {
    // Of the two decays one is idle: gradient_decay 0 or weight_factor 1.
    T gradient_factor, gradient_decay, weight_factor;
    T beta1, one_minus_beta1, beta2, one_minus_beta2;
    T step_size, root_correction, epsilon;

    BANYAN_INLINE T operator()(T weight, T gradient_sum, std::array<T, 2>& slots) const {
      const T gradient = gradient_factor * gradient_sum + gradient_decay * weight;
      // Interpolated from the nearer end, as torch.lerp does: beta1 and 1 - beta1, both rounded, do not add up to 1,
      // and with beta1 near 1 the error of a plain weighted sum grows beyond 1e-6.
      const T change = gradient - slots[0];
      const T mean = beta1 < T{0.5} ? gradient - beta1 * change : slots[0] + one_minus_beta1 * change;
      const T square = beta2 * slots[1] + one_minus_beta2 * (gradient * gradient);
      slots[0] = mean;
      slots[1] = square;
      const T denominator = std::sqrt(square) * root_correction + epsilon;
      return weight_factor * weight - step_size * mean / denominator;
    }
  };

  template <typename T>
  Element<T> ElementOf(const UpdateStep& step, bool decay) const {
    const double t = static_cast<double>(step.update);
    const double weight_decay = decay ? options.weight_decay : 0;
    return {
        .gradient_factor = static_cast<T>(step.gradient_factor),
        .gradient_decay = static_cast<T>(decoupled ? 0 : weight_decay),
        .weight_factor = static_cast<T>(decoupled ? 1 - step.learning_rate * weight_decay : 1),
        .beta1 = static_cast<T>(options.beta1),
        .one_minus_beta1 = static_cast<T>(1 - options.beta1),
        .beta2 = static_cast<T>(options.beta2),
        .one_minus_beta2 = static_cast<T>(1 - options.beta2),
        .step_size = static_cast<T>(step.learning_rate / (1 - Pow(options.beta1, t))),
        .root_correction = static_cast<T>(1 / Sqrt(1 - Pow(options.beta2, t))),
        .epsilon = static_cast<T>(options.epsilon),
    };
  }

  AdamOptions options;
  bool decoupled = false;
};

}  // namespace

std::unique_ptr<const UpdateRule> MakeAdam(const AdamOptions& options) {
  return std::make_unique<ElementwiseRule<Adam>>(Adam{options, false});
}

std::unique_ptr<const UpdateRule> MakeAdamW(const AdamOptions& options) {
  return std::make_unique<ElementwiseRule<Adam>>(Adam{options, true});
}

}  // namespace banyan
