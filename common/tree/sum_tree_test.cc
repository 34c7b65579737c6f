#include "common/tree/sum_tree.h"

#include <algorithm>
#include <bit>
#include <random>
#include <string>

#include "gtest/gtest.h"

namespace banyan {
namespace {

// A value that writes down how it was made.
struct Expression {
  std::string text;

  friend Expression operator+(const Expression& left, const Expression& right) {
    return {"(" + left.text + "+" + right.text + ")"};
  }
};

Expression CanonicalExpression(const Tree& tree, Node node) {
  return FoldTree<Expression>(
      tree, node, [](uint32_t leaf) { return Expression{std::to_string(leaf)}; },
      [](const Expression& left, const Expression& right) { return left + right; });
}

// Magnitudes far apart and of both signs: another order of additions gives other bits.
float LeafValue(uint32_t leaf) {
  const float magnitudes[] = {1e8f, 1.0f, -1e8f, 1e-3f, 3.1415926f, -7e4f};
  return magnitudes[leaf % 6] * (1.0f + 0.137f * static_cast<float>(leaf));
}

float CanonicalSum(const Tree& tree, Node node) {
  return FoldTree<float>(tree, node, LeafValue, [](float left, float right) { return left + right; });
}

// All partitions of a node's leaves into nodes.
std::vector<std::vector<Node>> Partitions(const Tree& tree, Node node) {
  std::vector<std::vector<Node>> result = {{node}};
  if (tree.IsLeaf(node)) return result;
  const auto [left, right] = tree.Children(node);
  for (const auto& left_part : Partitions(tree, left)) {
    for (const auto& right_part : Partitions(tree, right)) {
      result.push_back(left_part);
      result.back().insert(result.back().end(), right_part.begin(), right_part.end());
    }
  }
  return result;
}

template <typename Random>
void AppendRandomPartition(const Tree& tree, Node node, Random* random, std::vector<Node>* nodes) {
  if (tree.IsLeaf(node) || (*random)() % 4 == 0) {
    nodes->push_back(node);
    return;
  }
  const auto [left, right] = tree.Children(node);
  AppendRandomPartition(tree, left, random, nodes);
  AppendRandomPartition(tree, right, random, nodes);
}

TEST(SumTreeTest, EverySplitInAnyOrderIsTheCanonicalExpression) {
  std::mt19937 random(1);
  for (uint32_t leaves = 1; leaves <= 16; ++leaves) {
    const Tree tree(leaves);
    const std::string expected = CanonicalExpression(tree, tree.root()).text;
    for (std::vector<Node> partition : Partitions(tree, tree.root())) {
      for (int order = 0; order < 4; ++order) {
        std::shuffle(partition.begin(), partition.end(), random);
        SumTree<Expression> sum(tree);
        for (const Node& node : partition) {
          ASSERT_FALSE(sum.Total().has_value());
          ASSERT_EQ(sum.Add(node, CanonicalExpression(tree, node)), Cover::Verdict::kStored);
        }
        ASSERT_EQ(sum.Total()->text, expected);
      }
    }
  }
}

TEST(SumTreeTest, ShortOrdersExhaustively) {
  for (uint32_t leaves = 1; leaves <= 7; ++leaves) {
    const Tree tree(leaves);
    const uint32_t expected = std::bit_cast<uint32_t>(CanonicalSum(tree, tree.root()));
    std::vector<Node> order;
    for (uint32_t leaf = 0; leaf < leaves; ++leaf) order.push_back(tree.Leaf(leaf));
    std::sort(order.begin(), order.end());
    do {
      SumTree<float> sum(tree);
      for (const Node& node : order) sum.Add(node, CanonicalSum(tree, node));
      ASSERT_EQ(std::bit_cast<uint32_t>(*sum.Total()), expected);
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

// Several splits at once, as after a wrong suspicion or a moved leaf, with repeats.
TEST(SumTreeTest, MixedSplitsRepeatedInAnyOrderGiveTheSameBits) {
  std::mt19937 random(2);
  for (uint32_t leaves = 1; leaves <= 64; ++leaves) {
    const Tree tree(leaves);
    for (int trial = 0; trial < 60; ++trial) {
      std::vector<Node> arrivals;
      for (int split = 0; split < 3; ++split) AppendRandomPartition(tree, tree.root(), &random, &arrivals);
      std::shuffle(arrivals.begin(), arrivals.end(), random);
      SumTree<float> sum(tree);
      for (const Node& node : arrivals) {
        sum.Add(node, CanonicalSum(tree, node));
        for (const auto& [name, value] : sum.values()) {
          ASSERT_EQ(std::bit_cast<uint32_t>(value), std::bit_cast<uint32_t>(CanonicalSum(tree, name)))
              << leaves << " trial " << trial << name;
        }
      }
      ASSERT_TRUE(sum.complete());
      ASSERT_EQ(sum.values().size(), 1u);
    }
  }
}

TEST(SumTreeTest, AnotherOrderOfAdditionsWouldShow) {
  float sum = 0.0f;
  for (uint32_t leaf = 0; leaf < 16; ++leaf) sum += LeafValue(leaf);
  EXPECT_NE(std::bit_cast<uint32_t>(sum), std::bit_cast<uint32_t>(CanonicalSum(Tree(16), Tree(16).root())));
}

}  // namespace
}  // namespace banyan
