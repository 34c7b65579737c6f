#include "cli/report/progress.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace banyan::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

v1::JobUpdate Summary(v1::JobState state, const std::string& reason = "") {
  v1::JobUpdate update;
  update.mutable_summary()->set_id("j1");
  update.mutable_summary()->set_state(state);
  update.mutable_summary()->set_reason(reason);
  update.mutable_summary()->set_total_steps(200);
  return update;
}

v1::JobUpdate Line(uint64_t step, double time, double loss = 2) {
  v1::JobUpdate update;
  update.mutable_line()->set_step(step);
  update.mutable_line()->set_time(time);
  update.mutable_line()->set_loss_sum(loss * 64);
  update.mutable_line()->set_weight(64);
  return update;
}

class ProgressTest : public testing::Test {
 protected:
  Progress progress_{{.samples_per_step = 16, .units_per_sample = 64, .unit = "tokens"}};
};

TEST_F(ProgressTest, SaysNothingBeforeItKnowsAnything) { EXPECT_EQ(progress_.Line(), ""); }

TEST_F(ProgressTest, SaysWhyNothingMovesYet) {
  progress_.Observe(Summary(v1::STARTING, "waits for 1 worker"));
  EXPECT_EQ(progress_.Line(), "STARTING: waits for 1 worker");
}

TEST_F(ProgressTest, ShowsStepLossSpeedAndTimeLeft) {
  progress_.Observe(Summary(v1::RUNNING));
  progress_.Observe(Line(99, 1000));
  progress_.Observe(Line(100, 1000.1));
  v1::JobUpdate evaluation;
  evaluation.mutable_evaluation()->set_loss_sum(250);
  evaluation.mutable_evaluation()->set_weight(100);
  progress_.Observe(evaluation);
  EXPECT_EQ(progress_.Line(), "step 100/200   50 %  loss 2.0000  held-out 2.5000  10.2k tokens/s  10s left");
  EXPECT_EQ(progress_.step(), 100);
}

TEST_F(ProgressTest, SpeedIsThatOfTheLastSeconds) {
  progress_.Observe(Summary(v1::RUNNING));
  for (int i = 0; i <= 20; ++i) progress_.Observe(Line(1 + i, 1000 + 10 * i));      // a step in ten seconds
  for (int i = 1; i <= 100; ++i) progress_.Observe(Line(21 + i, 1200 + 0.5 * i));  // two a second
  EXPECT_THAT(progress_.Line(), HasSubstr("  2.0k tokens/s  40s left"));
}

TEST_F(ProgressTest, AStandstillIsNamedAndHasNoSpeed) {
  progress_.Observe(Summary(v1::RUNNING));
  progress_.Observe(Line(1, 1000));
  progress_.Observe(Line(2, 1001));
  progress_.Observe(Summary(v1::RECOVERING, "waits for server-0"));
  EXPECT_THAT(progress_.Line(), HasSubstr("RECOVERING: waits for server-0"));
  EXPECT_THAT(progress_.Line(), Not(HasSubstr("left")));
}

TEST(ProgressFormatTest, ShortensTimesAndCounts) {
  EXPECT_EQ(ShortDuration(absl::Seconds(59)), "59s");
  EXPECT_EQ(ShortDuration(absl::Seconds(72)), "1m12s");
  EXPECT_EQ(ShortDuration(absl::Minutes(125)), "2h05m");
  EXPECT_EQ(ShortDuration(absl::Hours(76)), "3d4h");
  EXPECT_EQ(ShortCount(950), "950");
  EXPECT_EQ(ShortCount(3.2e6), "3.20M");
}

TEST(ProgressFormatTest, AStepWithoutWeightHasNoLoss) { EXPECT_EQ(MeanLoss(0, 0), 0); }

}  // namespace
}  // namespace banyan::cli
