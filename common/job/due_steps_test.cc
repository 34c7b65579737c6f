#include "common/job/due_steps.h"

#include <string>

#include "gtest/gtest.h"

namespace banyan {
namespace {

TEST(DueStepsTest, NextIsTheFirstDueStep) {
  for (uint64_t last_step = 1; last_step <= 12; ++last_step) {
    for (uint64_t every = 0; every <= 14; ++every) {
      const DueSteps due{.every = every, .last_step = last_step};
      EXPECT_TRUE(due.Due(last_step));
      EXPECT_FALSE(due.Due(0));
      EXPECT_FALSE(due.Due(last_step + 1));
      for (uint64_t step = 0; step <= last_step; ++step) {
        uint64_t expected = step;
        while (!due.Due(expected)) ++expected;
        EXPECT_EQ(due.Next(step), expected) << "every " << every << " to " << last_step << " from " << step;
      }
    }
  }
}

TEST(DueStepsTest, MultiplesAndTheEnd) {
  const DueSteps due{.every = 4, .last_step = 10};
  std::string steps;
  for (uint64_t step = 0; step < 20; ++step) {
    if (due.Due(step)) steps += std::to_string(step) + " ";
  }
  EXPECT_EQ(steps, "4 8 10 ");
}

TEST(DueStepsTest, HugeIntervalsDoNotWrap) {
  const DueSteps due{.every = 1'000'000'000'000, .last_step = 5};
  EXPECT_EQ(due.Next(3), 5u);
}

}  // namespace
}  // namespace banyan
