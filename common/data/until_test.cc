#include "common/data/until.h"

#include <limits>

#include "gtest/gtest.h"

namespace banyan {
namespace {

TEST(UntilTest, StepsAreAsGiven) { EXPECT_EQ(TotalSteps(UntilSteps{7}, 100, 10).value(), 7u); }

TEST(UntilTest, SamplesAreRoundedUpToWholeSteps) {
  EXPECT_EQ(TotalSteps(UntilSamples{1}, 100, 10).value(), 1u);
  EXPECT_EQ(TotalSteps(UntilSamples{30}, 100, 10).value(), 3u);
  EXPECT_EQ(TotalSteps(UntilSamples{31}, 100, 10).value(), 4u);
}

TEST(UntilTest, EpochsAreRoundedUpToWholeSteps) {
  EXPECT_EQ(TotalSteps(UntilEpochs{1}, 100, 10).value(), 10u);
  EXPECT_EQ(TotalSteps(UntilEpochs{3}, 25, 10).value(), 8u);
  EXPECT_EQ(TotalSteps(UntilEpochs{0.5}, 25, 10).value(), 2u);
  EXPECT_EQ(TotalSteps(UntilEpochs{0.01}, 25, 10).value(), 1u);
  EXPECT_EQ(TotalSteps(UntilEpochs{1e9}, 1000000007, 1000000000).value(), 1000000007u);
}

// 1.1 * 10 is 11.000000000000002 in fp64.
TEST(UntilTest, EpochsMeanTheDecimalNumber) {
  for (int tenths = 1; tenths <= 1000; ++tenths) {
    EXPECT_EQ(TotalSteps(UntilEpochs{tenths / 10.0}, 10, 1).value(), static_cast<uint64_t>(tenths)) << tenths;
    EXPECT_EQ(TotalSteps(UntilEpochs{tenths / 10.0}, 1000000, 1).value(), 100000u * static_cast<uint64_t>(tenths));
  }
}

TEST(UntilTest, RefusesWhatIsNoNumberOfSteps) {
  EXPECT_FALSE(TotalSteps(UntilSteps{0}, 100, 10).ok());
  EXPECT_FALSE(TotalSteps(UntilSteps{kMaxSteps + 1}, 100, 10).ok());
  EXPECT_FALSE(TotalSteps(UntilSamples{0}, 100, 10).ok());
  EXPECT_FALSE(TotalSteps(UntilSteps{1}, 0, 10).ok());
  EXPECT_FALSE(TotalSteps(UntilSteps{1}, 10, 0).ok());
  for (const double epochs : {0.0, -1.0, 1e300, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_FALSE(TotalSteps(UntilEpochs{epochs}, 100, 10).ok()) << epochs;
  }
  EXPECT_EQ(TotalSteps(UntilEpochs{1e9}, 1000000000000, 1).status().message(),
            "training would take more steps than allowed, expected 1 to 1000000000000");
}

}  // namespace
}  // namespace banyan
