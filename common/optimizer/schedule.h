#ifndef BANYAN_COMMON_OPTIMIZER_SCHEDULE_H_
#define BANYAN_COMMON_OPTIMIZER_SCHEDULE_H_

#include <cstdint>

namespace banyan {

// The factor on the learning rate as a function of the step alone, in fp64 with the same bits everywhere.
//
//   1 <= t <= W   t / W                                             W: warmup_steps
//   t >= W        1 at W, `final` at the last step T and after; with p = (t - W) / (T - W) between them
//                   constant  1 (and `final` is not looked at)
//                   cosine    final + (1 - final) * (1 + cos(pi * p)) / 2
//                   linear    final + (1 - final) * (1 - p)
//
// Ends are exact. A warm-up as long as the training or longer is never left.
struct Schedule {
  enum class Shape { kConstant, kCosine, kLinear };

  Shape shape = Shape::kConstant;
  uint64_t warmup_steps = 0;
  double final = 0;
  // The job's last step (T).
  uint64_t total_steps = 0;

  // For the step's number, from 1. Under SSP and ASP: samples applied / B, rounded up.
  double Factor(uint64_t step) const;
};

}  // namespace banyan

#endif  // BANYAN_COMMON_OPTIMIZER_SCHEDULE_H_
