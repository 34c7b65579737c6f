#include "common/tree/share.h"

#include <bit>
#include <random>

#include "gtest/gtest.h"

namespace banyan {
namespace {

void ExpectGoodPlan(const Tree& tree, const std::vector<uint32_t>& shares, const LeafPlan& plan) {
  ASSERT_TRUE(tree.IsPartition(NodesOf(plan)));
  ASSERT_EQ(SharesOf(tree, plan), shares);
  for (size_t worker = 0; worker < shares.size(); ++worker) {
    ASSERT_LE(plan[worker].size(), static_cast<size_t>(std::popcount(shares[worker]))) << worker;
  }
}

std::vector<uint32_t> RandomShares(uint32_t leaves, uint32_t workers, std::mt19937* random) {
  std::vector<uint32_t> shares(workers);
  for (uint32_t leaf = 0; leaf < leaves; ++leaf) ++shares[(*random)() % workers * ((*random)() % 2)];
  return shares;
}

TEST(ShareTest, PlacesAnExample) {
  EXPECT_EQ(PlaceShares(Tree(8), {5, 2, 1}).value(),
            (LeafPlan{{{2, 0}, {0, 6}}, {{1, 2}}, {{0, 7}}}));
  EXPECT_EQ(PlaceShares(Tree(4), {2, 1, 1}).value(), (LeafPlan{{{1, 0}}, {{0, 2}}, {{0, 3}}}));
  EXPECT_EQ(PlaceShares(Tree(4), {0, 4}).value(), (LeafPlan{{}, {{2, 0}}}));
}

TEST(ShareTest, EverySplitOverThreeWorkers) {
  for (uint32_t leaves = 1; leaves <= 40; ++leaves) {
    const Tree tree(leaves);
    for (uint32_t first = 0; first <= leaves; ++first) {
      for (uint32_t second = 0; first + second <= leaves; ++second) {
        const std::vector<uint32_t> shares = {first, second, leaves - first - second};
        ASSERT_NO_FATAL_FAILURE(ExpectGoodPlan(tree, shares, PlaceShares(tree, shares).value()));
      }
    }
  }
}

TEST(ShareTest, RandomSharesOfManyWorkers) {
  std::mt19937 random(1);
  for (int trial = 0; trial < 500; ++trial) {
    const Tree tree(1 + random() % 300);
    const std::vector<uint32_t> shares = RandomShares(tree.leaves(), 1 + random() % 20, &random);
    const LeafPlan plan = PlaceShares(tree, shares).value();
    ASSERT_NO_FATAL_FAILURE(ExpectGoodPlan(tree, shares, plan));
    ASSERT_EQ(PlaceShares(tree, shares).value(), plan);
  }
}

TEST(ShareTest, OneWorkerHasTheRoot) {
  for (uint32_t leaves = 1; leaves <= 20; ++leaves) {
    EXPECT_EQ(PlaceShares(Tree(leaves), {leaves}).value(), (LeafPlan{{Tree(leaves).root()}}));
  }
}

TEST(ShareTest, RefusesAnotherSum) {
  EXPECT_EQ(PlaceShares(Tree(10), {5, 2, 1}).status().message(),
            "leaf plan '5,2,1' adds up to 8 leaves, expected 10");
  EXPECT_FALSE(PlaceShares(Tree(10), {}).ok());
  EXPECT_FALSE(PlaceShares(Tree(1), {0xffffffff, 2}).ok());
}

TEST(ShareTest, WorkersWithTheSameShareKeepTheirNodes) {
  const Tree tree(16);
  const LeafPlan before = PlaceShares(tree, {4, 4, 4, 4}).value();
  // Worker 0 gives half of its leaves to a newcomer.
  const LeafPlan after = PlaceShares(tree, {2, 4, 4, 4, 2}, before).value();
  EXPECT_EQ(after, (LeafPlan{{{1, 0}}, before[1], before[2], before[3], {{1, 1}}}));
}

TEST(ShareTest, KeepingIsNeverWorseAndAlwaysAPartition) {
  std::mt19937 random(2);
  for (int trial = 0; trial < 500; ++trial) {
    const Tree tree(1 + random() % 64);
    const std::vector<uint32_t> old_shares = RandomShares(tree.leaves(), 4, &random);
    std::vector<uint32_t> shares = old_shares;
    if (shares[1] > 0) {
      --shares[1];
      ++shares[random() % 4];
    }
    const LeafPlan plan = PlaceShares(tree, shares, PlaceShares(tree, old_shares).value()).value();
    ASSERT_TRUE(tree.IsPartition(NodesOf(plan)));
    ASSERT_EQ(SharesOf(tree, plan), shares);
    ASSERT_LE(NodesOf(plan).size(), NodesOf(PlaceShares(tree, shares).value()).size());
  }
}

}  // namespace
}  // namespace banyan
