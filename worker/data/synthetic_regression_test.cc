#include "worker/data/synthetic_regression.h"

#include <vector>

#include "gtest/gtest.h"

namespace banyan::worker {
namespace {

std::vector<float> Row(const SyntheticRegression& data, DataPart part, uint64_t sample) {
  std::vector<float> input(data.facts().features);
  std::vector<float> target(data.facts().targets);
  data.Read(part, sample, std::as_writable_bytes(std::span(input)), std::as_writable_bytes(std::span(target)));
  input.insert(input.end(), target.begin(), target.end());
  return input;
}

TEST(SyntheticRegressionTest, SamplesAreFunctionsOfSeedAndPosition) {
  const SyntheticRegression data({.seed = 3, .features = 5, .targets = 2, .samples = 10});
  const SyntheticRegression same({.seed = 3, .features = 5, .targets = 2, .samples = 10});
  const SyntheticRegression other({.seed = 4, .features = 5, .targets = 2, .samples = 10});
  EXPECT_EQ(Row(data, DataPart::kTraining, 7), Row(same, DataPart::kTraining, 7));
  EXPECT_NE(Row(data, DataPart::kTraining, 7), Row(data, DataPart::kTraining, 6));
  EXPECT_NE(Row(data, DataPart::kTraining, 7), Row(other, DataPart::kTraining, 7));
  EXPECT_EQ(data.facts().hash, same.facts().hash);
  EXPECT_NE(data.facts().hash, other.facts().hash);
}

TEST(SyntheticRegressionTest, TheHeldOutPartIsTheTail) {
  const SyntheticRegression whole({.features = 3, .samples = 10});
  const SyntheticRegression cut({.features = 3, .samples = 10, .held_out = 0.3});
  EXPECT_EQ(cut.facts().samples, 7u);
  EXPECT_EQ(cut.facts().held_out_samples, 3u);
  EXPECT_EQ(Row(cut, DataPart::kHeldOut, 1), Row(whole, DataPart::kTraining, 8));
}

TEST(SyntheticRegressionTest, TargetsAreLinearInTheFeatures) {
  // Without noise: with one feature, all points lie on a line.
  const SyntheticRegression data({.seed = 1, .features = 1, .samples = 4, .noise = 0});
  const auto a = Row(data, DataPart::kTraining, 0);
  const auto b = Row(data, DataPart::kTraining, 1);
  const auto c = Row(data, DataPart::kTraining, 2);
  EXPECT_NEAR((b[1] - a[1]) / (b[0] - a[0]), (c[1] - a[1]) / (c[0] - a[0]), 1e-4);
}

}  // namespace
}  // namespace banyan::worker
