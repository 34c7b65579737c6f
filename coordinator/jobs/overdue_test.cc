#include "coordinator/jobs/overdue.h"

#include "gtest/gtest.h"

namespace banyan::coordinator {
namespace {

class OverdueTest : public testing::Test {
 protected:
  absl::Time At(double seconds) const { return absl::UnixEpoch() + absl::Seconds(1000 + seconds); }
  NamedWait Leaves(uint64_t worker, double since, const std::string& detail = "leaves 3") const {
    return {.who = "server-0", .wait = {.what = "leaves", .parties = {worker}, .detail = detail, .since = 1000 + since}};
  }

  Overdue overdue_;
};

TEST_F(OverdueTest, IsToldOnceAtItsDeadline) {
  EXPECT_TRUE(overdue_.Take({Leaves(1, 0)}, At(0.9)).empty());
  EXPECT_TRUE(overdue_.all().empty());
  EXPECT_EQ(overdue_.Take({Leaves(1, 0)}, At(1.5)).size(), 1);
  EXPECT_TRUE(overdue_.Take({Leaves(1, 0, "leaves 3-4")}, At(2)).empty()) << "still the same";
  EXPECT_EQ(overdue_.all().size(), 1);
  EXPECT_EQ(WaitText(overdue_.all()[0], At(2)), "waits 2s for leaves: leaves 3-4");
  EXPECT_EQ(overdue_.Take({Leaves(1, 0), Leaves(2, 0)}, At(3)).size(), 1);
}

TEST_F(OverdueTest, OneThatEndedAndComesAgainIsNew) {
  EXPECT_EQ(overdue_.Take({Leaves(1, 0)}, At(2)).size(), 1);
  EXPECT_TRUE(overdue_.Take({}, At(3)).empty());
  EXPECT_TRUE(overdue_.all().empty());
  EXPECT_EQ(overdue_.Take({Leaves(1, 3)}, At(5)).size(), 1);
}

TEST_F(OverdueTest, OneThatDoesNotSayCountsFromWhenItWasSeen) {
  NamedWait wait = {.who = "worker-0", .wait = {.what = "state", .parties = {4}, .detail = "server 4"}};
  EXPECT_TRUE(overdue_.Take({wait}, At(0)).empty());
  EXPECT_TRUE(overdue_.Take({wait}, At(9)).empty());
  EXPECT_EQ(overdue_.Take({wait}, At(11)).size(), 1);
  EXPECT_EQ(WaitText(overdue_.all()[0], At(11)), "waits 11s for state: server 4");
}

TEST_F(OverdueTest, WhatIsInNoTableHasTheCoordinatorsDeadline) {
  EXPECT_EQ(DeadlineOf("held"), absl::Milliseconds(500));
  EXPECT_EQ(DeadlineOf("weights"), absl::Seconds(10));
  EXPECT_EQ(DeadlineOf("restored"), absl::Seconds(30));
}

}  // namespace
}  // namespace banyan::coordinator
