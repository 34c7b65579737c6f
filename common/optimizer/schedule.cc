#include "common/optimizer/schedule.h"

#include "common/math/elementary.h"

namespace banyan {

double Schedule::Factor(uint64_t step) const {
  if (step < warmup_steps) return static_cast<double>(step) / static_cast<double>(warmup_steps);
  if (shape == Shape::kConstant || step == warmup_steps) return 1;
  if (step >= total_steps) return final;
  const double progress = static_cast<double>(step - warmup_steps) / static_cast<double>(total_steps - warmup_steps);
  const double remaining = shape == Shape::kCosine ? (1 + Cos(kPi * progress)) / 2 : 1 - progress;
  return final + (1 - final) * remaining;
}

}  // namespace banyan
