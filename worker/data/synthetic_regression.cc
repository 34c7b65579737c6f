#include "worker/data/synthetic_regression.h"

#include <bit>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/digest/sha256.h"

namespace banyan::worker {
namespace {

constexpr uint64_t kMaxWeights = uint64_t{1} << 28;

RandomKey KeyOf(uint64_t seed, std::string_view name) {
  return MakeRandomKey(seed, RandomPurpose::kSynthesize, 0, NameHash(name));
}

DataFacts FactsOf(const SyntheticRegression::Options& options) {
  const DataSplit split = SplitHeldOut(options.samples, options.held_out);
  const std::string recipe = absl::StrCat(
      "synthetic_regression seed=", options.seed, " features=", options.features, " targets=", options.targets,
      " noise=", absl::Hex(std::bit_cast<uint64_t>(options.noise), absl::kZeroPad16), " training=", split.training,
      " held_out=", split.held_out, "\n");
  return DataFacts{.hash = Sha256Hex(recipe),
                   .samples = split.training,
                   .held_out_samples = split.held_out,
                   .features = options.features,
                   .targets = options.targets};
}

}  // namespace

absl::StatusOr<std::unique_ptr<SyntheticRegression>> SyntheticRegression::Make(const Options& options) {
  if (uint64_t{options.features} * options.targets > kMaxWeights) {
    return absl::InvalidArgumentError(absl::StrCat("recipe.data.synthetic_regression: ", options.features,
                                                   " features times ", options.targets, " targets, expected at most ",
                                                   kMaxWeights));
  }
  if (options.held_out > 0 && options.samples < 2) {
    return absl::InvalidArgumentError(
        "recipe.data.synthetic_regression.samples: 1, expected at least 2 to hold some out");
  }
  return std::unique_ptr<SyntheticRegression>(new SyntheticRegression(options));
}

SyntheticRegression::SyntheticRegression(const Options& options)
    : Dataset(FactsOf(options)),
      options_(options),
      split_(SplitHeldOut(options.samples, options.held_out)),
      features_(KeyOf(options.seed, "features")),
      noise_(KeyOf(options.seed, "noise")),
      weight_(size_t{options.targets} * options.features),
      bias_(options.targets) {
  FillNormal(KeyOf(options.seed, "weight"), 0, weight_);
  FillNormal(KeyOf(options.seed, "bias"), 0, bias_);
}

void SyntheticRegression::Read(DataPart part, uint64_t sample, std::span<std::byte> input,
                               std::span<std::byte> target) const {
  CHECK_LT(sample, part == DataPart::kTraining ? split_.training : split_.held_out);
  CHECK_EQ(input.size(), input_bytes());
  CHECK_EQ(target.size(), target_bytes());
  const uint64_t i = (part == DataPart::kTraining ? 0 : split_.training) + sample;
  const std::span<float> x(reinterpret_cast<float*>(input.data()), options_.features);
  const std::span<float> y(reinterpret_cast<float*>(target.data()), options_.targets);
  FillNormal(features_, i * options_.features, x);
  for (uint32_t k = 0; k < options_.targets; ++k) {
    double sum = bias_[k];
    for (uint32_t j = 0; j < options_.features; ++j) {
      sum += static_cast<double>(weight_[size_t{k} * options_.features + j]) * static_cast<double>(x[j]);
    }
    sum += options_.noise * static_cast<double>(Normal(noise_, i * options_.targets + k));
    y[k] = static_cast<float>(sum);
  }
}

}  // namespace banyan::worker
