#ifndef BANYAN_COMMON_DATA_UNTIL_H_
#define BANYAN_COMMON_DATA_UNTIL_H_

#include <cstdint>
#include <variant>

#include "absl/status/statusor.h"

namespace banyan {

// When training ends.
struct UntilSteps {
  uint64_t steps = 0;
};
struct UntilEpochs {
  double epochs = 0.0;  // passes over the training samples
};
struct UntilSamples {
  uint64_t samples = 0;
};
using Until = std::variant<UntilSteps, UntilEpochs, UntilSamples>;

inline constexpr uint64_t kMaxSteps = 1'000'000'000'000;

// The number of the last step of a job over `samples` training samples (N) with `batch` samples a step (B): as given,
// ceil(E * N / B), or ceil(samples / B); the last step is a whole one and runs on over the end. E * N is exact where E
// is an integer; else it is the fp64 product less 2^-50 of itself, rounded up, so that 1.1 epochs of 10 samples are 11.
// INVALID_ARGUMENT where the result is not in 1 .. kMaxSteps or N or B is 0.
absl::StatusOr<uint64_t> TotalSteps(const Until& until, uint64_t samples, uint64_t batch);

}  // namespace banyan

#endif  // BANYAN_COMMON_DATA_UNTIL_H_
