#include "common/tree/pending.h"

#include <algorithm>
#include <random>

#include "common/tree/cover.h"
#include "gtest/gtest.h"

namespace banyan {
namespace {

template <typename Random>
void AppendRandomPartition(const Tree& tree, Node node, Random* random, std::vector<Node>* nodes) {
  if (tree.IsLeaf(node) || (*random)() % 5 == 0) {
    nodes->push_back(node);
    return;
  }
  const auto [left, right] = tree.Children(node);
  AppendRandomPartition(tree, left, random, nodes);
  AppendRandomPartition(tree, right, random, nodes);
}

std::vector<Node> RandomPartition(const Tree& tree, std::mt19937* random) {
  std::vector<Node> nodes;
  AppendRandomPartition(tree, tree.root(), random, &nodes);
  return nodes;
}

// Every set of partials that does not complete the root is the state of some order of arrival.
uint32_t BruteForce(const Tree& tree, const std::vector<Node>& partition) {
  size_t most = 0;
  const uint32_t all = (uint32_t{1} << partition.size()) - 1;
  for (uint32_t arrived = 0; arrived < all; ++arrived) {
    LeafSet covered(tree.leaves());
    for (size_t i = 0; i < partition.size(); ++i) {
      if ((arrived >> i & 1) != 0) covered.Add(tree.Leaves(partition[i]));
    }
    most = std::max(most, Cover(tree, covered).Stored().size());
  }
  return static_cast<uint32_t>(most);
}

std::vector<Node> AllLeaves(const Tree& tree) {
  std::vector<Node> nodes;
  for (uint32_t leaf = 0; leaf < tree.leaves(); ++leaf) nodes.push_back(tree.Leaf(leaf));
  return nodes;
}

TEST(PendingTest, EqualsBruteForceOverOrdersOfArrival) {
  std::mt19937 random(1);
  int tried = 0;
  while (tried < 400) {
    const Tree tree(1 + random() % 40);
    const std::vector<Node> partition = RandomPartition(tree, &random);
    if (partition.size() > 11) continue;
    ASSERT_EQ(MaxPending(tree, partition), BruteForce(tree, partition)) << tree.leaves();
    ++tried;
  }
  for (uint32_t leaves = 1; leaves <= 12; ++leaves) {
    const Tree tree(leaves);
    ASSERT_EQ(MaxPending(tree, AllLeaves(tree)), BruteForce(tree, AllLeaves(tree))) << leaves;
  }
}

TEST(PendingTest, KnownFigures) {
  for (uint32_t workers = 2; workers <= 64; workers *= 2) {
    EXPECT_EQ(MaxPending(Tree(workers), AllLeaves(Tree(workers))), workers / 2);
  }
  const Tree tree(8);
  EXPECT_EQ(MaxPending(tree, {tree.root()}), 0u);
  EXPECT_EQ(MaxPending(tree, {{2, 0}, {2, 1}}), 1u);
  // Shares of 1/2, 1/4, 1/8 and 1/8.
  EXPECT_EQ(MaxPending(tree, {{2, 0}, {1, 2}, {0, 6}, {0, 7}}), 3u);
}

TEST(PendingTest, StaysWithinItsBounds) {
  std::mt19937 random(2);
  for (int trial = 0; trial < 500; ++trial) {
    const Tree tree(1 + random() % 200);
    const std::vector<Node> partition = RandomPartition(tree, &random);
    const uint32_t pending = MaxPending(tree, partition);
    ASSERT_LE(pending, partition.size() - 1);
    ASSERT_LE(pending, (tree.leaves() + 1) / 2);
  }
}

TEST(PendingTest, RefinementIsTheSmallestNodeOfEachLeaf) {
  std::mt19937 random(3);
  for (int trial = 0; trial < 300; ++trial) {
    const Tree tree(1 + random() % 60);
    std::vector<std::vector<Node>> partitions;
    for (uint32_t i = 0; i <= random() % 3; ++i) partitions.push_back(RandomPartition(tree, &random));
    const std::vector<Node> refinement = CommonRefinement(tree, partitions);
    ASSERT_TRUE(tree.IsPartition(refinement));
    for (const Node& node : refinement) {
      for (const std::vector<Node>& partition : partitions) {
        ASSERT_TRUE(std::any_of(partition.begin(), partition.end(), [&](Node n) { return tree.Contains(n, node); }));
      }
      ASSERT_TRUE(std::any_of(partitions.begin(), partitions.end(), [&](const std::vector<Node>& partition) {
        return std::find(partition.begin(), partition.end(), node) != partition.end();
      }));
    }
  }
}

TEST(PendingTest, RefinementBoundsMixedArrivals) {
  std::mt19937 random(4);
  for (int trial = 0; trial < 500; ++trial) {
    const Tree tree(1 + random() % 64);
    const std::vector<std::vector<Node>> plans = {RandomPartition(tree, &random), RandomPartition(tree, &random)};
    std::vector<Node> arrivals = plans[0];
    arrivals.insert(arrivals.end(), plans[1].begin(), plans[1].end());
    std::shuffle(arrivals.begin(), arrivals.end(), random);
    const uint32_t bound = MaxPending(tree, CommonRefinement(tree, plans));
    Cover cover(tree);
    for (const Node& node : arrivals) {
      cover.Offer(node);
      if (cover.complete()) break;
      ASSERT_LE(cover.Stored().size(), bound) << tree.leaves() << " trial " << trial;
    }
  }
}

}  // namespace
}  // namespace banyan
