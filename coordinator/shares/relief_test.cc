#include "coordinator/shares/relief.h"

#include <random>

#include "common/tree/pending.h"
#include "gtest/gtest.h"

namespace banyan::coordinator {
namespace {

using Part = Hand::Part;

bool Always(const std::vector<Node>&) { return true; }

LeafSet All(uint32_t leaves) {
  LeafSet all(leaves);
  all.Add({0, leaves});
  return all;
}

TEST(ReliefTest, ADeadWorkersNodeIsHalvedForTheOthers) {
  const Tree tree(8);
  const std::vector<Hand> hands = {{.nodes = {{1, 0}}}, {.nodes = {{2, 1}}, .part = Part::kGivesAll},
                                   {.nodes = {{1, 1}}}};
  EXPECT_EQ(Relieve(tree, hands, All(8), Always), (LeafPlan{{{1, 0}, {1, 2}}, {}, {{1, 1}, {1, 3}}}));
}

TEST(ReliefTest, OnlyWhatIsMissingLeavesALateWorker) {
  const Tree tree(8);
  LeafSet missing(8);
  missing.Add({6, 8});
  const std::vector<Hand> hands = {{.nodes = {{2, 0}}}, {.nodes = {{2, 1}}, .part = Part::kGivesMissing}};
  EXPECT_EQ(Relieve(tree, hands, missing, Always), (LeafPlan{{{2, 0}, {1, 3}}, {{1, 2}}}));
}

TEST(ReliefTest, GoesToTheEarliestToFinish) {
  const Tree tree(8);
  LeafSet missing(8);
  missing.Add({2, 4});  // the first helper's own
  missing.Add({6, 8});
  std::vector<Hand> hands = {{.nodes = {{2, 0}}}, {.nodes = {{1, 2}}}, {.nodes = {{1, 3}}, .part = Part::kGivesAll}};
  EXPECT_EQ(Relieve(tree, hands, missing, Always)[1], (std::vector<Node>{{2, 1}}))
      << "the second has nothing to do; siblings in one hand are their parent";
  hands[1].pace.leaf_seconds = 10;
  EXPECT_EQ(Relieve(tree, hands, missing, Always)[1], (std::vector<Node>{{1, 2}})) << "and is ten times slower";
}

TEST(ReliefTest, WhoDoesNotHelpGetsNothing) {
  const Tree tree(4);
  const std::vector<Hand> hands = {{.nodes = {{0, 0}}, .part = Part::kKeeps},
                                   {.nodes = {{0, 1}}},
                                   {.nodes = {{1, 1}}, .part = Part::kGivesMissing}};
  EXPECT_EQ(Relieve(tree, hands, All(4), Always), (LeafPlan{{{0, 0}}, {{0, 1}, {1, 1}}, {}}));
}

TEST(ReliefTest, IsHalvedOnlyAsFarAsFits) {
  const Tree tree(16);
  std::vector<Hand> hands = {{.nodes = {{3, 1}}, .part = Part::kGivesAll}};
  for (uint32_t i = 0; i < 8; ++i) hands.push_back({.nodes = {{0, i}}});
  const auto most_nodes = [&](size_t most) {
    const LeafPlan plan = Relieve(tree, hands, All(16), [&](const std::vector<Node>& partition) {
      return partition.size() <= most;
    });
    return NodesOf(plan).size();
  };
  EXPECT_EQ(most_nodes(9), 9);
  EXPECT_EQ(most_nodes(10), 10);
  EXPECT_EQ(most_nodes(100), 16);
}

// Whatever is given, the plan is a partition, nobody who keeps loses a leaf, and h stays within what fits.
TEST(ReliefTest, IsAlwaysAPartition) {
  std::mt19937 random(1);
  for (int trial = 0; trial < 2000; ++trial) {
    const Tree tree(1 + random() % 40);
    const uint32_t workers = 2 + random() % 6;
    std::vector<uint32_t> shares(workers);
    for (uint32_t leaf = 0; leaf < tree.leaves(); ++leaf) ++shares[random() % workers];
    const LeafPlan before = PlaceShares(tree, shares).value();
    LeafSet missing(tree.leaves());
    for (uint32_t leaf = 0; leaf < tree.leaves(); ++leaf) {
      if (random() % 2 == 0) missing.Add(leaf);
    }
    std::vector<Hand> hands;
    for (uint32_t w = 0; w < workers; ++w) {
      hands.push_back({.nodes = before[w], .pace = {.leaf_seconds = 1.0 + random() % 4},
                       .part = w == 0 ? Part::kHelps : static_cast<Part>(random() % 4)});
    }
    const uint32_t most = 2 * MaxPending(tree, NodesOf(before));
    const LeafPlan plan = Relieve(tree, hands, missing, [&](const std::vector<Node>& partition) {
      EXPECT_TRUE(tree.IsPartition(partition));
      return MaxPending(tree, CommonRefinement(tree, {NodesOf(before), partition})) <= most;
    });
    ASSERT_TRUE(tree.IsPartition(NodesOf(plan)));
    const std::vector<uint32_t> after = SharesOf(tree, plan);
    for (uint32_t w = 0; w < workers; ++w) {
      ASSERT_TRUE(hands[w].part != Part::kGivesAll || plan[w].empty());
      ASSERT_TRUE(hands[w].part != Part::kKeeps || plan[w] == before[w]);
      ASSERT_TRUE(hands[w].part != Part::kHelps || after[w] >= shares[w]);
      if (hands[w].part != Part::kGivesMissing) continue;
      for (const Node& node : plan[w]) ASSERT_FALSE(missing.ContainsAny(tree.Leaves(node)));
    }
  }
}

}  // namespace
}  // namespace banyan::coordinator
