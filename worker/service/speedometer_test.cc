#include "worker/service/speedometer.h"

#include "gtest/gtest.h"

namespace banyan::worker {
namespace {

constexpr absl::Duration kMs = absl::Milliseconds(1);

TEST(SpeedometerTest, TheFirstStepIsNotCounted) {
  Speedometer speed(1);
  speed.OnLeaf(7, 100);
  speed.OnLeaf(8, 2);
  speed.OnLeaf(8, 4);
  EXPECT_EQ(speed.seconds_per_leaf(), 0) << "a step is a sample once it is over";
  speed.OnLeaf(9, 5);
  EXPECT_EQ(speed.seconds_per_leaf(), 3);
}

TEST(SpeedometerTest, ForgetsSlowly) {
  Speedometer speed(1);
  for (Generation step = 1; step < 4; ++step) speed.OnLeaf(step, 8);
  speed.OnLeaf(4, 16);
  speed.OnLeaf(5, 16);
  EXPECT_EQ(speed.seconds_per_leaf(), 9);
  for (Generation step = 6; step < 60; ++step) speed.OnLeaf(step, 16);
  EXPECT_NEAR(speed.seconds_per_leaf(), 16, 0.1);
}

// Four threads, each with a leaf of four seconds: a leaf a second.
TEST(SpeedometerTest, LeavesSideBySideShareTheTime) {
  Speedometer speed(4);
  for (Generation step = 1; step < 4; ++step) {
    for (int leaf = 0; leaf < 8; ++leaf) speed.OnLeaf(step, 4);
  }
  EXPECT_EQ(speed.seconds_per_leaf(), 1);
}

TEST(SpeedometerTest, ALeafOfAnEarlierStepIsNoSample) {
  Speedometer speed(1);
  for (Generation step = 1; step < 4; ++step) speed.OnLeaf(step, 8);
  speed.OnLeaf(2, 1000);
  speed.OnLeaf(4, 8);
  EXPECT_EQ(speed.seconds_per_leaf(), 8);
}

// Messages wait for one another; the time of each is not the sum of the queue's.
TEST(SpeedometerTest, BytesCountWhileSomeAreUnderWay) {
  Speedometer speed(1);
  speed.OnSent(1000, 10 * kMs);
  speed.OnSent(1000, 10 * kMs);
  speed.OnWritten(11 * kMs);
  speed.OnWritten(12 * kMs);
  speed.OnSent(2000, 100 * kMs);
  speed.OnWritten(102 * kMs);
  EXPECT_EQ(speed.seconds_per_byte(), 0);
  speed.OnStep();
  EXPECT_DOUBLE_EQ(speed.seconds_per_byte(), 0.004 / 4000);
  speed.OnStep();
  EXPECT_DOUBLE_EQ(speed.seconds_per_byte(), 0.004 / 4000) << "nothing was written";
}

TEST(SpeedometerTest, StreamsWorkSideBySide) {
  Speedometer speed(1);
  for (int stream = 0; stream < 4; ++stream) speed.OnSent(1000, kMs);
  for (int stream = 0; stream < 4; ++stream) speed.OnWritten(2 * kMs);
  speed.OnStep();
  EXPECT_DOUBLE_EQ(speed.seconds_per_byte(), 0.001 / 4000);
}

TEST(SpeedometerTest, ALostStreamsMessagesAreOver) {
  Speedometer speed(1);
  for (int i = 0; i < 3; ++i) speed.OnSent(1000, kMs);
  speed.OnLost(3, 2 * kMs);
  speed.OnSent(1000, 1000 * kMs);
  speed.OnWritten(1001 * kMs);
  speed.OnStep();
  EXPECT_DOUBLE_EQ(speed.seconds_per_byte(), 0.002 / 4000);
}

}  // namespace
}  // namespace banyan::worker
