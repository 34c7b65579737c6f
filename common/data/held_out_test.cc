#include "common/data/held_out.h"

#include "gtest/gtest.h"

namespace banyan {
namespace {

TEST(HeldOutTest, SplitIsTheNearestShareButNeverAll) {
  EXPECT_EQ(SplitHeldOut(100, 0.0), (DataSplit{100, 0}));
  EXPECT_EQ(SplitHeldOut(100, 0.05), (DataSplit{95, 5}));
  EXPECT_EQ(SplitHeldOut(10, 0.25), (DataSplit{7, 3}));
  EXPECT_EQ(SplitHeldOut(10, 0.001), (DataSplit{9, 1}));
  EXPECT_EQ(SplitHeldOut(10, 0.999), (DataSplit{1, 9}));
  EXPECT_EQ(SplitHeldOut(1, 0.5), (DataSplit{1, 0}));
  EXPECT_EQ(SplitHeldOut(0, 0.5), (DataSplit{0, 0}));
}

TEST(HeldOutTest, TextSamplesNeedOneTokenMore) {
  EXPECT_EQ(TextSamples(0, 4), 0u);
  EXPECT_EQ(TextSamples(4, 4), 0u);
  EXPECT_EQ(TextSamples(5, 4), 1u);
  EXPECT_EQ(TextSamples(8, 4), 1u);
  EXPECT_EQ(TextSamples(9, 4), 2u);
}

TEST(HeldOutTest, RunsCoverEverySampleOnceAndAreEqual) {
  for (const uint64_t samples : {0u, 1u, 3u, 7u, 8u, 100u, 1001u}) {
    for (uint32_t leaves = 1; leaves <= 40; ++leaves) {
      uint64_t next = 0;
      for (uint32_t leaf = 0; leaf < leaves; ++leaf) {
        const SampleRange run = EvaluationRun(samples, leaves, leaf);
        ASSERT_EQ(run.begin, leaf * samples / leaves);
        ASSERT_EQ(run.begin, next);
        ASSERT_GE(run.size(), samples / leaves);
        ASSERT_LE(run.size(), samples / leaves + 1);
        next = run.end;
      }
      ASSERT_EQ(next, samples);
    }
  }
}

TEST(HeldOutTest, RunsOfHugeDataDoNotOverflow) {
  const uint64_t samples = uint64_t{1} << 60;
  EXPECT_EQ(EvaluationRun(samples, 1 << 20, (1 << 20) - 1).end, samples);
  EXPECT_EQ(EvaluationRun(samples + 5, 7, 6).end, samples + 5);
}

}  // namespace
}  // namespace banyan
