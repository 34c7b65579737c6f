#include "coordinator/shares/stragglers.h"

#include "gtest/gtest.h"

namespace banyan::coordinator {
namespace {

constexpr absl::Duration kStep = absl::Milliseconds(100);
const WorkerId kSlow(1);
const WorkerId kQuick(2);

// Two workers who report every 100 ms; the first owes leaves whenever it is asked for.
class StragglersTest : public ::testing::Test {
 protected:
  void Steps(int count) {
    for (int i = 0; i < count; ++i) {
      now_ += kStep;
      stragglers_.StepIs(++step_, now_);
      leaves_ += 4;
      HearBoth();
    }
  }
  void HearBoth() {
    stragglers_.Hear(kSlow, leaves_, now_);
    stragglers_.Hear(kQuick, leaves_, now_);
  }
  // Nobody reports.
  void Quiet(absl::Duration duration) {
    for (absl::Duration passed; passed < duration; passed += kStep) {
      stragglers_.Judge({}, false, kStep, now_);
      now_ += kStep;
    }
  }
  bool Judge(bool idle = true, absl::Duration expected = kStep) {
    return !stragglers_.Judge({kSlow}, idle, expected, now_).empty();
  }

  absl::Duration now_;
  Step step_ = 0;
  uint64_t leaves_ = 0;
  Stragglers stragglers_{{}};
};

TEST_F(StragglersTest, SilenceIsSuspectUntilItEnds) {
  Steps(10);
  Quiet(absl::Milliseconds(500));
  EXPECT_FALSE(Judge());
  Quiet(absl::Milliseconds(200));
  const auto judgements = stragglers_.Judge({kSlow}, /*idle=*/false, kStep, now_);
  ASSERT_EQ(judgements.size(), 1);
  EXPECT_EQ(judgements[0].worker, kSlow);
  EXPECT_EQ(judgements[0].why, "was not heard for 700ms");
  EXPECT_TRUE(stragglers_.suspected(kSlow));
  EXPECT_FALSE(stragglers_.suspected(kQuick)) << "it owes nothing";
  EXPECT_FALSE(Judge()) << "once";
  HearBoth();
  EXPECT_FALSE(stragglers_.suspected(kSlow));
}

TEST_F(StragglersTest, WhoStoodStillItselfDoesNotJudge) {
  Steps(10);
  Quiet(kStep);
  now_ += absl::Seconds(5);
  EXPECT_FALSE(Judge());
  HearBoth();
  now_ += kStep;
  EXPECT_FALSE(Judge());
}

TEST_F(StragglersTest, LateIsWhoTakesTwiceAsLongWhileOthersHaveNothingToDo) {
  Steps(10);
  for (int i = 0; i < 7; ++i) {
    Quiet(kStep);
    HearBoth();
  }
  EXPECT_FALSE(Judge(/*idle=*/false)) << "all are slow";
  EXPECT_FALSE(Judge(true, /*expected=*/absl::Seconds(1))) << "as planned";
  ASSERT_TRUE(Judge());
  HearBoth();
  EXPECT_TRUE(stragglers_.suspected(kSlow)) << "it lives, but does nothing";
  ++leaves_;
  HearBoth();
  EXPECT_FALSE(stragglers_.suspected(kSlow));
}

TEST_F(StragglersTest, StepsThatAlwaysTakeLongAreNotLate) {
  for (int i = 0; i < 5; ++i) {
    for (int beat = 0; beat < 20; ++beat) {
      Quiet(kStep);
      HearBoth();
    }
    stragglers_.StepIs(++step_, now_);
  }
  for (int beat = 0; beat < 35; ++beat) {
    Quiet(kStep);
    HearBoth();
  }
  EXPECT_FALSE(Judge());
  Quiet(absl::Milliseconds(600));
  HearBoth();
  EXPECT_TRUE(Judge());
}

TEST_F(StragglersTest, TheFirstStepsMayTakeLong) {
  Steps(3);
  for (int i = 0; i < 50; ++i) {
    Quiet(kStep);
    HearBoth();
  }
  EXPECT_FALSE(Judge());
}

TEST_F(StragglersTest, WhoeverGotTheLeavesHasItsOwnTime) {
  Steps(10);
  for (int i = 0; i < 7; ++i) {
    Quiet(kStep);
    HearBoth();
  }
  stragglers_.Restart(now_);
  EXPECT_FALSE(Judge());
}

TEST_F(StragglersTest, LateIsForgivenAfterAWhile) {
  Steps(10);
  for (int i = 0; i < 7; ++i) {
    Quiet(kStep);
    HearBoth();
  }
  ASSERT_TRUE(Judge());
  Quiet(Stragglers::kForgiven + kStep);
  HearBoth();
  stragglers_.StepIs(++step_, now_);
  EXPECT_FALSE(Judge());
  EXPECT_FALSE(stragglers_.suspected(kSlow));
}

}  // namespace
}  // namespace banyan::coordinator
