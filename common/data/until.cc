#include "common/data/until.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace banyan {
namespace {

__extension__ typedef unsigned __int128 Wide;

// E * N, in samples.
absl::StatusOr<Wide> SamplesOfEpochs(double epochs, uint64_t samples) {
  if (!(epochs > 0.0 && epochs <= 0x1p53)) {
    return absl::InvalidArgumentError(
        absl::StrCat("number of epochs is ", epochs, ", expected more than 0 and at most 2^53"));
  }
  if (std::floor(epochs) == epochs) return static_cast<Wide>(static_cast<uint64_t>(epochs)) * samples;
  const double product = epochs * static_cast<double>(samples);
  return static_cast<Wide>(std::ceil(product * (1.0 - 0x1p-50)));
}

}  // namespace

absl::StatusOr<uint64_t> TotalSteps(const Until& until, uint64_t samples, uint64_t batch) {
  if (samples == 0) return absl::InvalidArgumentError("the data has 0 training samples, expected at least 1");
  if (batch == 0) return absl::InvalidArgumentError("a step has 0 samples, expected at least 1");
  Wide steps = 0;
  if (const auto* given = std::get_if<UntilSteps>(&until)) {
    steps = given->steps;
  } else {
    Wide total = 0;
    if (const auto* epochs = std::get_if<UntilEpochs>(&until)) {
      auto product = SamplesOfEpochs(epochs->epochs, samples);
      if (!product.ok()) return product.status();
      total = *product;
    } else {
      total = std::get<UntilSamples>(until).samples;
    }
    steps = (total + batch - 1) / batch;
  }
  if (steps < 1 || steps > kMaxSteps) {
    return absl::InvalidArgumentError(
        absl::StrCat("training would take ", steps > kMaxSteps ? "more" : "fewer",
                     " steps than allowed, expected 1 to ", kMaxSteps));
  }
  return static_cast<uint64_t>(steps);
}

}  // namespace banyan
