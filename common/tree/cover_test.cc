#include "common/tree/cover.h"

#include <algorithm>
#include <bit>
#include <set>

#include "gtest/gtest.h"

namespace banyan {
namespace {

std::vector<Node> AllNodes(const Tree& tree) {
  std::vector<Node> nodes = {tree.root()};
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (tree.IsLeaf(nodes[i])) continue;
    nodes.push_back(tree.Children(nodes[i]).first);
    nodes.push_back(tree.Children(nodes[i]).second);
  }
  std::sort(nodes.begin(), nodes.end());
  return nodes;
}

LeafSet SetOfBits(uint32_t leaves, uint32_t bits) {
  LeafSet set(leaves);
  for (uint32_t leaf = 0; leaf < leaves; ++leaf) {
    if ((bits >> leaf & 1) != 0) set.Add(leaf);
  }
  return set;
}

uint32_t Bits(LeafRange range) { return (uint32_t{1} << range.end) - (uint32_t{1} << range.begin); }

// What the stored partials must be: the full nodes whose parents are not full. Ordered by name.
std::vector<Node> ExpectedStored(const Tree& tree, const std::vector<Node>& nodes, uint32_t bits) {
  std::vector<Node> stored;
  for (const Node& node : nodes) {
    const uint32_t leaves = Bits(tree.Leaves(node));
    if ((bits & leaves) != leaves) continue;
    if (node != tree.root()) {
      const uint32_t parent = Bits(tree.Leaves(tree.Parent(node)));
      if ((bits & parent) == parent) continue;
    }
    stored.push_back(node);
  }
  return stored;
}

// Does to a set of buffers' names what the decision says, insisting that every name it touches is there.
void Apply(const Tree& tree, Node offered, const Cover::Decision& decision, std::vector<Node>* stored) {
  const auto take = [&](Node node) {
    const auto it = std::find(stored->begin(), stored->end(), node);
    ASSERT_TRUE(it != stored->end()) << node;
    stored->erase(it);
  };
  for (const Node& node : decision.released) {
    ASSERT_TRUE(tree.Contains(offered, node)) << offered << node;
    take(node);
  }
  stored->push_back(offered);
  for (const Cover::Join& join : decision.joins) {
    ASSERT_EQ(tree.Sibling(join.from), join.into);
    ASSERT_EQ(tree.Parent(join.from), join.result);
    take(join.from);
    take(join.into);
    stored->push_back(join.result);
  }
  std::sort(stored->begin(), stored->end());
}

// Every partial into every state. By induction over arrivals a stored partial is then always the value of its name.
TEST(CoverTest, EveryPartialIntoEveryStateLeavesMaximalFullSubtrees) {
  for (uint32_t leaves = 1; leaves <= 16; ++leaves) {
    const Tree tree(leaves);
    const std::vector<Node> nodes = AllNodes(tree);
    const uint32_t states = uint32_t{1} << leaves;
    std::vector<std::vector<Node>> expected(states);
    for (uint32_t bits = 0; bits < states; ++bits) expected[bits] = ExpectedStored(tree, nodes, bits);
    for (uint32_t bits = 0; bits < states; ++bits) {
      const Cover start(tree, SetOfBits(leaves, bits));
      for (const Node& node : nodes) {
        Cover cover = start;
        const uint32_t offered = Bits(tree.Leaves(node));
        const Cover::Decision decision = cover.Offer(node);
        if ((bits & offered) == offered) {
          ASSERT_EQ(decision.verdict, Cover::Verdict::kCovered) << leaves << " " << bits << node;
          ASSERT_TRUE(decision.released.empty() && decision.joins.empty());
          continue;
        }
        ASSERT_EQ(decision.verdict, Cover::Verdict::kStored) << leaves << " " << bits << node;
        std::vector<Node> stored = expected[bits];
        ASSERT_NO_FATAL_FAILURE(Apply(tree, node, decision, &stored)) << leaves << " " << bits << node;
        ASSERT_EQ(stored, expected[bits | offered]) << leaves << " " << bits << node;
        ASSERT_EQ(cover.covered().count(), static_cast<uint32_t>(std::popcount(bits | offered)));
      }
    }
  }
}

TEST(CoverTest, StoredIsAFunctionOfTheBitmap) {
  for (const uint32_t leaves : {1u, 2u, 3u, 8u, 13u}) {
    const Tree tree(leaves);
    const std::vector<Node> nodes = AllNodes(tree);
    for (uint32_t bits = 0; bits < uint32_t{1} << leaves; ++bits) {
      std::vector<Node> stored = Cover(tree, SetOfBits(leaves, bits)).Stored();
      ASSERT_TRUE(std::is_sorted(stored.begin(), stored.end(), [&](Node a, Node b) {
        return tree.Leaves(a).begin < tree.Leaves(b).begin;
      }));
      std::sort(stored.begin(), stored.end());
      ASSERT_EQ(stored, ExpectedStored(tree, nodes, bits)) << leaves << " " << bits;
    }
  }
}

// What a model checker counts as states: as many as there are sets of leaves.
TEST(CoverTest, ReachesExactlyTwoToTheLeavesStates) {
  for (uint32_t leaves = 1; leaves <= 10; ++leaves) {
    const Tree tree(leaves);
    const std::vector<Node> nodes = AllNodes(tree);
    std::set<std::vector<Node>> seen = {{}};
    std::vector<Cover> open = {Cover(tree)};
    while (!open.empty()) {
      const Cover cover = open.back();
      open.pop_back();
      for (const Node& node : nodes) {
        Cover next = cover;
        if (next.Offer(node).verdict != Cover::Verdict::kStored) continue;
        if (seen.insert(next.Stored()).second) open.push_back(next);
      }
    }
    EXPECT_EQ(seen.size(), size_t{1} << leaves);
  }
}

TEST(CoverTest, RefusesMisspelledNames) {
  Cover cover{Tree(5)};
  for (const Node node : {Node{0, 4}, Node{1, 2}, Node{4, 0}, Node{0, 5}, Node{2, 2}, Node{77, 0}, Node{0, ~0u}}) {
    EXPECT_EQ(cover.Offer(node).verdict, Cover::Verdict::kMisspelled) << node;
  }
  EXPECT_TRUE(cover.covered().empty());
}

TEST(CoverTest, JoinsInPlaceUpToTheRoot) {
  Cover cover{Tree(5)};
  EXPECT_TRUE(cover.Offer({0, 0}).joins.empty());
  EXPECT_TRUE(cover.Offer({2, 1}).joins.empty());
  EXPECT_TRUE(cover.Offer({1, 1}).joins.empty());
  const Cover::Decision decision = cover.Offer({0, 1});
  EXPECT_EQ(decision.joins, (std::vector<Cover::Join>{{{0, 1}, {0, 0}, {1, 0}},
                                                      {{1, 0}, {1, 1}, {2, 0}},
                                                      {{2, 0}, {2, 1}, {3, 0}}}));
  EXPECT_TRUE(cover.complete());
  EXPECT_EQ(cover.Stored(), std::vector<Node>{cover.tree().root()});
}

TEST(CoverTest, ReplacesWhatAPartialContains) {
  Cover cover{Tree(8)};
  cover.Offer({0, 0});
  cover.Offer({0, 3});
  const Cover::Decision decision = cover.Offer({2, 0});
  EXPECT_EQ(decision.released, (std::vector<Node>{{0, 0}, {0, 3}}));
  EXPECT_TRUE(decision.joins.empty());
  EXPECT_EQ(cover.Offer({1, 1}).verdict, Cover::Verdict::kCovered);
}

}  // namespace
}  // namespace banyan
