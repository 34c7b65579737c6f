#ifndef BANYAN_COMMON_JOB_DUE_STEPS_H_
#define BANYAN_COMMON_JOB_DUE_STEPS_H_

#include <algorithm>
#include <cstdint>

namespace banyan {

// Steps at whose end something falls due: the multiples of `every` (0: none) before the last step, and the last step.
struct DueSteps {
  uint64_t every = 0;
  uint64_t last_step = 1;

  bool Due(uint64_t step) const {
    return step == last_step || (every != 0 && step != 0 && step < last_step && step % every == 0);
  }

  // The first due step that is >= `step`, itself at most last_step.
  uint64_t Next(uint64_t step) const {
    if (every == 0) return last_step;
    const uint64_t periods = std::max<uint64_t>(1, step / every + (step % every != 0));
    return periods > last_step / every ? last_step : periods * every;
  }
};

}  // namespace banyan

#endif  // BANYAN_COMMON_JOB_DUE_STEPS_H_
