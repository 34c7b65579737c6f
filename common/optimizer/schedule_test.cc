#include "common/optimizer/schedule.h"

#include <cmath>

#include "gtest/gtest.h"

namespace banyan {
namespace {

using Shape = Schedule::Shape;

TEST(ScheduleTest, WarmupRisesInAStraightLine) {
  for (const Shape shape : {Shape::kConstant, Shape::kCosine, Shape::kLinear}) {
    const Schedule schedule{.shape = shape, .warmup_steps = 4, .final = 0.1, .total_steps = 20};
    EXPECT_EQ(schedule.Factor(1), 0.25);
    EXPECT_EQ(schedule.Factor(2), 0.5);
    EXPECT_EQ(schedule.Factor(3), 0.75);
    EXPECT_EQ(schedule.Factor(4), 1);
  }
}

TEST(ScheduleTest, ConstantStaysAtOne) {
  const Schedule schedule{.total_steps = 10};
  for (uint64_t step = 1; step <= 20; ++step) EXPECT_EQ(schedule.Factor(step), 1);
}

TEST(ScheduleTest, EndsAreExact) {
  for (const Shape shape : {Shape::kCosine, Shape::kLinear}) {
    for (const double final : {0.0, 0.1, 1.0 / 3, 1.0}) {
      for (const uint64_t total : {51, 777, 2400}) {
        const Schedule schedule{.shape = shape, .warmup_steps = 50, .final = final, .total_steps = total};
        EXPECT_EQ(schedule.Factor(50), 1);
        EXPECT_EQ(schedule.Factor(total), final);
        EXPECT_EQ(schedule.Factor(total + 1000), final);
      }
    }
  }
}

TEST(ScheduleTest, FollowsTheClosedForms) {
  const Schedule cosine{.shape = Shape::kCosine, .warmup_steps = 100, .final = 0.1, .total_steps = 1100};
  const Schedule linear{.shape = Shape::kLinear, .warmup_steps = 100, .final = 0.1, .total_steps = 1100};
  for (uint64_t step = 100; step <= 1100; ++step) {
    const double progress = static_cast<double>(step - 100) / 1000;
    EXPECT_NEAR(cosine.Factor(step), 0.1 + 0.9 * 0.5 * (1 + std::cos(std::acos(-1.0) * progress)), 1e-15);
    EXPECT_NEAR(linear.Factor(step), 1 - 0.9 * progress, 1e-15);
  }
  EXPECT_NEAR(cosine.Factor(600), 0.55, 1e-15);
}

TEST(ScheduleTest, FallsWithoutRisingAgain) {
  for (const Shape shape : {Shape::kCosine, Shape::kLinear}) {
    const Schedule schedule{.shape = shape, .warmup_steps = 7, .final = 0.01, .total_steps = 5000};
    for (uint64_t step = 7; step < 5005; ++step) {
      EXPECT_LE(schedule.Factor(step + 1), schedule.Factor(step)) << step;
      EXPECT_GE(schedule.Factor(step), 0.01);
    }
  }
}

TEST(ScheduleTest, TrainingMayEndInsideTheWarmup) {
  const Schedule schedule{.shape = Shape::kCosine, .warmup_steps = 100, .final = 0, .total_steps = 10};
  EXPECT_EQ(schedule.Factor(10), 0.1);
  EXPECT_EQ(schedule.Factor(100), 1);
}

}  // namespace
}  // namespace banyan
