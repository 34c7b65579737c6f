#include "worker/data/synthetic_regression.h"

#include <vector>

#include "worker/data/data_fixture.h"

namespace banyan::worker {
namespace {

std::vector<float> Row(const Dataset& data, DataPart part, uint64_t sample) {
  return ReadSample<float>(data, part, sample);
}

TEST(SyntheticRegressionTest, SamplesAreFunctionsOfSeedAndPosition) {
  const auto data = SyntheticRegression::Make({.seed = 3, .features = 5, .targets = 2, .samples = 10}).value();
  const auto same = SyntheticRegression::Make({.seed = 3, .features = 5, .targets = 2, .samples = 10}).value();
  const auto other = SyntheticRegression::Make({.seed = 4, .features = 5, .targets = 2, .samples = 10}).value();
  EXPECT_EQ(Row(*data, DataPart::kTraining, 7), Row(*same, DataPart::kTraining, 7));
  EXPECT_NE(Row(*data, DataPart::kTraining, 7), Row(*data, DataPart::kTraining, 6));
  EXPECT_NE(Row(*data, DataPart::kTraining, 7), Row(*other, DataPart::kTraining, 7));
  EXPECT_EQ(data->facts().hash, same->facts().hash);
  EXPECT_NE(data->facts().hash, other->facts().hash);
}

TEST(SyntheticRegressionTest, TheHeldOutPartIsTheTail) {
  const auto whole = SyntheticRegression::Make({.features = 3, .samples = 10}).value();
  const auto cut = SyntheticRegression::Make({.features = 3, .samples = 10, .held_out = 0.3}).value();
  EXPECT_EQ(cut->facts().samples, 7u);
  EXPECT_EQ(cut->facts().held_out_samples, 3u);
  EXPECT_EQ(Row(*cut, DataPart::kHeldOut, 1), Row(*whole, DataPart::kTraining, 8));
}

TEST(SyntheticRegressionTest, TargetsAreLinearInTheFeatures) {
  // Without noise: with one feature, all points lie on a line.
  const auto data = SyntheticRegression::Make({.seed = 1, .features = 1, .samples = 4, .noise = 0}).value();
  const auto a = Row(*data, DataPart::kTraining, 0);
  const auto b = Row(*data, DataPart::kTraining, 1);
  const auto c = Row(*data, DataPart::kTraining, 2);
  EXPECT_NEAR((b[1] - a[1]) / (b[0] - a[0]), (c[1] - a[1]) / (c[0] - a[0]), 1e-4);
}

TEST(SyntheticRegressionTest, WhatCannotBeMadeIsRefused) {
  EXPECT_FALSE(SyntheticRegression::Make({.features = 1 << 24, .targets = 1 << 16, .samples = 1}).ok());
  EXPECT_FALSE(SyntheticRegression::Make({.samples = 1, .held_out = 0.5}).ok());
}

TEST(SyntheticRegressionTest, AnotherHashForAnotherSplit) {
  const auto data = SyntheticRegression::Make({.samples = 10}).value();
  const auto cut = SyntheticRegression::Make({.samples = 10, .held_out = 0.3}).value();
  EXPECT_NE(data->facts().hash, cut->facts().hash);
}

}  // namespace
}  // namespace banyan::worker
