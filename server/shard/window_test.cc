#include "server/shard/window.h"

#include "gtest/gtest.h"

namespace banyan::server {
namespace {

TEST(WindowTest, HoldsAllPositionsWhereOnePartialPends) {
  Window window(5, 0);

  window.Start(1);

  EXPECT_EQ(window.end(), 5u);
  EXPECT_EQ(window.lo(), 0u);
}

TEST(WindowTest, IsAsWideAsThePoolHasRoomFor) {
  Window window(10, 7);

  window.Start(3);  // two pool buffers a position: three positions

  EXPECT_EQ(window.end(), 3u);
  EXPECT_TRUE(window.Allows(2));
  EXPECT_FALSE(window.Allows(3));
}

TEST(WindowTest, IsNeverEmptyHoweverSmallThePool) {
  Window window(4, 0);

  window.Start(5);

  EXPECT_EQ(window.end(), 1u);
  EXPECT_EQ(window.capacity(), 4u) << "the first position has its room reserved";
}

TEST(WindowTest, MovesWithTheFirstIncompletePosition) {
  Window window(6, 2);
  window.Start(2);

  window.Complete(1);
  EXPECT_EQ(window.end(), 2u) << "position 0 still holds it";
  window.Complete(0);

  EXPECT_EQ(window.lo(), 2u);
  EXPECT_EQ(window.end(), 4u);
}

TEST(WindowTest, EndsWhenAllIsComplete) {
  Window window(2, 1);
  window.Start(2);

  window.Complete(0);
  window.Complete(1);

  EXPECT_EQ(window.lo(), 2u);
  EXPECT_EQ(window.end(), 2u);
}

TEST(WindowTest, OnlyRisesWithinAStepThoughMoreMayPend) {
  Window window(8, 4);
  window.Start(2);
  ASSERT_EQ(window.end(), 4u);

  window.SetMaxPending(5);

  EXPECT_EQ(window.end(), 4u);
  EXPECT_EQ(window.capacity(), 16u) << "four allowed positions, four pool buffers each";
  window.Complete(0);
  EXPECT_EQ(window.end(), 4u) << "one position fits the pool now";
  window.Start(5);
  EXPECT_EQ(window.end(), 1u);
  EXPECT_EQ(window.capacity(), 4u);
}

TEST(WindowTest, TakesASmallerBoundAtTheNextStep) {
  Window window(8, 4);
  window.Start(3);

  window.SetMaxPending(2);

  EXPECT_EQ(window.end(), 2u);
  window.Start(2);
  EXPECT_EQ(window.end(), 4u);
}

}  // namespace
}  // namespace banyan::server
