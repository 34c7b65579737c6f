#include "coordinator/shares/paces.h"

#include <cmath>
#include <limits>

#include "gtest/gtest.h"

namespace banyan::coordinator {
namespace {

constexpr absl::Duration kHalfLife = absl::Seconds(30);

std::vector<double> LeafSeconds(const Paces& paces, const std::vector<WorkerId>& workers) {
  std::vector<double> seconds;
  for (const WorkerPace& pace : paces.Of(workers, kHalfLife)) seconds.push_back(pace.leaf_seconds);
  return seconds;
}

const std::vector<WorkerId> kThree = {WorkerId(1), WorkerId(2), WorkerId(3)};

TEST(PacesTest, NobodyMeasuredIsEqual) {
  EXPECT_EQ(LeafSeconds(Paces(), kThree), (std::vector<double>{1, 1, 1}));
}

TEST(PacesTest, WhoIsNotMeasuredIsTakenForTheMedian) {
  Paces paces;
  paces.Hear(WorkerId(1), 2, 0.5, 8, absl::ZeroDuration());
  paces.Hear(WorkerId(3), 4, 0.25, 8, absl::ZeroDuration());
  paces.Hear(WorkerId(2), 0, 0, 0, absl::ZeroDuration());
  EXPECT_FALSE(paces.measured(WorkerId(2)));
  EXPECT_EQ(LeafSeconds(paces, kThree), (std::vector<double>{2, 4, 4}));
  EXPECT_EQ(paces.Of(kThree, kHalfLife)[0].push_seconds, 0.5);
  paces.Forget(WorkerId(3));
  EXPECT_EQ(LeafSeconds(paces, kThree), (std::vector<double>{2, 2, 2}));
}

TEST(PacesTest, NonsenseIsNotTaken) {
  Paces paces;
  for (const double seconds : {-1.0, std::numeric_limits<double>::infinity(), std::nan("")}) {
    paces.Hear(WorkerId(1), seconds, 0, 1, absl::ZeroDuration());
    EXPECT_FALSE(paces.measured(WorkerId(1)));
  }
  paces.Hear(WorkerId(1), 1, std::nan(""), 1, absl::ZeroDuration());
  EXPECT_EQ(paces.Of(kThree, kHalfLife)[0].push_seconds, 0);
}

// A slow worker without leaves is tried again; measured anew, it is what it is.
TEST(PacesTest, AnOldMeasurementDriftsToTheFastest) {
  Paces paces;
  absl::Duration now;
  paces.Hear(WorkerId(1), 1, 0, 8, now);
  paces.Hear(WorkerId(2), 20, 0, 1, now);
  now += absl::Seconds(30);
  paces.Hear(WorkerId(1), 1, 0, 16, now);
  paces.Hear(WorkerId(2), 20, 0, 1, now);
  EXPECT_EQ(LeafSeconds(paces, {WorkerId(1), WorkerId(2)}), (std::vector<double>{1, 20}));
  now += absl::Seconds(60);
  paces.Hear(WorkerId(1), 1, 0, 24, now);
  EXPECT_EQ(LeafSeconds(paces, {WorkerId(1), WorkerId(2)}), (std::vector<double>{1, 5}));
  now += absl::Hours(1);
  paces.Hear(WorkerId(1), 1, 0, 32, now);
  EXPECT_EQ(LeafSeconds(paces, {WorkerId(1), WorkerId(2)}), (std::vector<double>{1, 1}));
  paces.Hear(WorkerId(2), 18, 0, 2, now);
  EXPECT_EQ(LeafSeconds(paces, {WorkerId(1), WorkerId(2)}), (std::vector<double>{1, 18}));
}

// While nobody computes, nobody's measurement is older than the others'.
TEST(PacesTest, AJobThatStandsStillForgetsNothing) {
  Paces paces;
  paces.Hear(WorkerId(1), 1, 0, 8, absl::ZeroDuration());
  paces.Hear(WorkerId(2), 2, 0, 4, absl::Seconds(1));
  for (const uint64_t worker : {1, 2}) paces.Hear(WorkerId(worker), worker, 0, 12 - 4 * worker, absl::Hours(1));
  EXPECT_EQ(LeafSeconds(paces, {WorkerId(1), WorkerId(2)}), (std::vector<double>{1, 2}));
}

TEST(PacesTest, AChangePaysFromFivePercentOn) {
  const std::vector<WorkerPace> paces = {{.leaf_seconds = 1}, {.leaf_seconds = 1}};
  EXPECT_TRUE(Gains({19, 19}, {20, 18}, paces));
  EXPECT_FALSE(Gains({39, 39}, {40, 38}, paces));
  EXPECT_FALSE(Gains({20, 18}, {19, 19}, paces));
}

}  // namespace
}  // namespace banyan::coordinator
