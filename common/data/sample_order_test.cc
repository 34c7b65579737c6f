#include "common/data/sample_order.h"

#include <algorithm>
#include <set>

#include "common/random/permutation.h"
#include "gtest/gtest.h"

namespace banyan {
namespace {

std::vector<uint64_t> StepSamples(const SampleOrder& order, uint64_t step) {
  std::vector<uint64_t> samples;
  for (uint32_t leaf = 0; leaf < order.leaves(); ++leaf) {
    const std::vector<uint64_t> part = order.LeafSamples(step, leaf);
    samples.insert(samples.end(), part.begin(), part.end());
  }
  return samples;
}

TEST(SampleOrderTest, LastLeafIsShort) {
  const SampleOrder order({.seed = 1, .samples = 100, .batch = 10, .leaf = 4});
  EXPECT_EQ(order.leaves(), 3u);
  EXPECT_EQ(order.LeafSize(0), 4u);
  EXPECT_EQ(order.LeafSize(1), 4u);
  EXPECT_EQ(order.LeafSize(2), 2u);
  EXPECT_EQ(SampleOrder({.samples = 5, .batch = 3, .leaf = 8}).leaves(), 1u);
  EXPECT_EQ(SampleOrder({.samples = 5, .batch = 3, .leaf = 8}).LeafSize(0), 3u);
  EXPECT_EQ(SampleOrder({.samples = 5, .batch = 8, .leaf = 4}).leaves(), 2u);
}

TEST(SampleOrderTest, GlobalIndexCountsOn) {
  const SampleOrder order({.seed = 1, .samples = 7, .batch = 10, .leaf = 4});
  uint64_t expected = 0;
  for (uint64_t step = 1; step <= 5; ++step) {
    for (uint32_t leaf = 0; leaf < order.leaves(); ++leaf) {
      for (uint64_t i = 0; i < order.LeafSize(leaf); ++i) {
        EXPECT_EQ(order.GlobalIndex(step, leaf, i), expected);
        ++expected;
      }
    }
  }
}

TEST(SampleOrderTest, SampleIsTheEpochsBijectionOfItsPosition) {
  // Data sets below, at and above the size of a batch: a leaf may hold parts of several epochs.
  for (const uint64_t samples : {1u, 3u, 10u, 23u, 1000u}) {
    const SampleOrder order({.seed = 9, .samples = samples, .batch = 10, .leaf = 4});
    for (uint64_t step = 1; step <= 20; ++step) {
      const std::vector<uint64_t> ids = StepSamples(order, step);
      ASSERT_EQ(ids.size(), 10u);
      for (uint64_t j = 0; j < 10; ++j) {
        const uint64_t g = (step - 1) * 10 + j;
        ASSERT_EQ(ids[j], Permutation(9, g / samples, samples).Map(g % samples)) << samples << " " << g;
      }
    }
  }
}

TEST(SampleOrderTest, EveryEpochHoldsEachSampleOnce) {
  const SampleOrder order({.seed = 3, .samples = 25, .batch = 10, .leaf = 3});
  std::vector<uint64_t> line;
  for (uint64_t step = 1; step <= 10; ++step) {
    const std::vector<uint64_t> ids = StepSamples(order, step);
    line.insert(line.end(), ids.begin(), ids.end());
  }
  for (size_t epoch = 0; epoch < 4; ++epoch) {
    const auto begin = line.begin() + static_cast<ptrdiff_t>(25 * epoch);
    EXPECT_EQ(std::set<uint64_t>(begin, begin + 25).size(), 25u);
  }
  EXPECT_FALSE(std::equal(line.begin(), line.begin() + 25, line.begin() + 25));
}

TEST(SampleOrderTest, AnotherLeafSizeKeepsTheStepsSamples) {
  const SampleOrder coarse({.seed = 3, .samples = 25, .batch = 12, .leaf = 4});
  const SampleOrder fine({.seed = 3, .samples = 25, .batch = 12, .leaf = 1});
  for (uint64_t step = 1; step <= 5; ++step) EXPECT_EQ(StepSamples(coarse, step), StepSamples(fine, step));
}

TEST(SampleOrderTest, ForkGoesOnWhereTheParentStopped) {
  for (const uint64_t batch : {4u, 10u, 16u}) {
    const int64_t base = ForkBase(0, 6, 10, batch);
    const SampleOrder fork({.seed = 1, .samples = 1000, .batch = batch, .leaf = 2, .base = base});
    EXPECT_EQ(fork.GlobalIndex(7, 0, 0), 60u);
    const SampleOrder again({.seed = 1, .samples = 1000, .batch = 8, .leaf = 2, .base = ForkBase(base, 8, batch, 8)});
    EXPECT_EQ(again.GlobalIndex(9, 0, 0), 60 + 2 * batch);
  }
}

}  // namespace
}  // namespace banyan
