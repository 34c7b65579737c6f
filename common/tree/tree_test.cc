#include "common/tree/tree.h"

#include <map>
#include <set>
#include <sstream>
#include <string>
#include <unordered_set>

#include "gtest/gtest.h"

namespace banyan {
namespace {

std::string Expression(uint32_t leaves) {
  const Tree tree(leaves);
  return FoldTree<std::string>(
      tree, tree.root(), [](uint32_t leaf) { return std::to_string(leaf); },
      [](const std::string& left, const std::string& right) { return "(" + left + "+" + right + ")"; });
}

// All canonical names, by walking down from the root.
std::vector<Node> AllNodes(const Tree& tree) {
  std::vector<Node> nodes = {tree.root()};
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (tree.IsLeaf(nodes[i])) continue;
    const auto [left, right] = tree.Children(nodes[i]);
    nodes.push_back(left);
    nodes.push_back(right);
  }
  return nodes;
}

TEST(NodeTest, PrintsOrdersAndHashes) {
  std::ostringstream out;
  out << Node{2, 3};
  EXPECT_EQ(out.str(), "(2,3)");
  EXPECT_EQ(ToString({0, 12}), "(0,12)");
  EXPECT_LT((Node{0, 9}), (Node{1, 0}));
  EXPECT_LT((Node{1, 0}), (Node{1, 1}));
  std::unordered_set<Node> set = {{0, 1}, {1, 0}, {0, 1}};
  EXPECT_EQ(set.size(), 2u);
}

TEST(TreeTest, SumIsTheCanonicalExpression) {
  EXPECT_EQ(Expression(1), "0");
  EXPECT_EQ(Expression(2), "(0+1)");
  EXPECT_EQ(Expression(3), "((0+1)+2)");
  EXPECT_EQ(Expression(5), "(((0+1)+(2+3))+4)");
  EXPECT_EQ(Expression(6), "(((0+1)+(2+3))+(4+5))");
  EXPECT_EQ(Expression(8), "(((0+1)+(2+3))+((4+5)+(6+7)))");
  EXPECT_EQ(Expression(13), "((((0+1)+(2+3))+((4+5)+(6+7)))+(((8+9)+(10+11))+12))");
}

TEST(TreeTest, EveryNodeHasOneCanonicalName) {
  for (uint32_t leaves = 1; leaves <= 70; ++leaves) {
    const Tree tree(leaves);
    std::map<std::pair<uint32_t, uint32_t>, Node> name_of_range;
    uint32_t canonical = 0;
    for (uint32_t level = 0; level <= 9; ++level) {
      for (uint32_t index = 0; index <= 140; ++index) {
        const Node node = {level, index};
        const LeafRange range = tree.Leaves(node);
        if (tree.IsCanonical(node)) {
          ++canonical;
          ASSERT_GT(range.size(), 0u) << leaves << node;
          ASSERT_TRUE(name_of_range.emplace(std::pair(range.begin, range.end), node).second) << leaves << node;
        }
        if (range.size() > 0) {
          const Node name = tree.Canonical(node);
          ASSERT_TRUE(tree.IsCanonical(name)) << leaves << node;
          ASSERT_EQ(tree.Leaves(name), range) << leaves << node;
          ASSERT_EQ(name == node, tree.IsCanonical(node)) << leaves << node;
          ASSERT_TRUE(name.level >= node.level || node.level > tree.root().level) << leaves << node;
        }
      }
    }
    ASSERT_EQ(canonical, 2 * leaves - 1) << leaves;
  }
}

TEST(TreeTest, NeighboursAgree) {
  for (uint32_t leaves = 1; leaves <= 70; ++leaves) {
    const Tree tree(leaves);
    const std::vector<Node> nodes = AllNodes(tree);
    ASSERT_EQ(std::set<Node>(nodes.begin(), nodes.end()).size(), 2 * leaves - 1);
    for (const Node& node : nodes) {
      ASSERT_TRUE(tree.IsCanonical(node));
      if (tree.IsLeaf(node)) {
        ASSERT_EQ(tree.Leaf(tree.Leaves(node).begin), node);
        continue;
      }
      const auto [left, right] = tree.Children(node);
      ASSERT_EQ(tree.Parent(left), node);
      ASSERT_EQ(tree.Parent(right), node);
      ASSERT_EQ(tree.Sibling(left), right);
      ASSERT_EQ(tree.Sibling(right), left);
      ASSERT_EQ(tree.Leaves(left).begin, tree.Leaves(node).begin);
      ASSERT_EQ(tree.Leaves(left).end, tree.Leaves(right).begin);
      ASSERT_EQ(tree.Leaves(right).end, tree.Leaves(node).end);
      ASSERT_TRUE(tree.Contains(node, left) && tree.Contains(node, right));
      ASSERT_FALSE(tree.Contains(left, node) || tree.Contains(left, right));
    }
  }
}

TEST(TreeTest, NamesOfFiveLeaves) {
  const Tree tree(5);
  EXPECT_EQ(tree.root(), (Node{3, 0}));
  EXPECT_EQ(tree.Leaf(4), (Node{2, 1}));
  EXPECT_EQ(tree.Leaf(3), (Node{0, 3}));
  EXPECT_FALSE(tree.IsCanonical({0, 4}));
  EXPECT_FALSE(tree.IsCanonical({1, 2}));
  EXPECT_EQ(tree.Children({3, 0}), (std::pair<Node, Node>({2, 0}, {2, 1})));
  EXPECT_EQ(Tree(3).Children({2, 0}), (std::pair<Node, Node>({1, 0}, {1, 1})));
}

TEST(TreeTest, WildNamesAreNotCanonical) {
  const Tree tree(13);
  for (const Node node : {Node{5, 0}, Node{4, 1}, Node{31, 0}, Node{32, 0}, Node{64, 1}, Node{0xffffffff, 0xffffffff},
                          Node{0, 13}, Node{0, 0x80000000}, Node{3, 0xffffffff}, Node{28, 16}}) {
    EXPECT_FALSE(tree.IsCanonical(node)) << node;
  }
}

TEST(TreeTest, KnowsPartitions) {
  const Tree tree(5);
  EXPECT_TRUE(tree.IsPartition({{3, 0}}));
  EXPECT_TRUE(tree.IsPartition({{2, 1}, {1, 0}, {1, 1}}));
  EXPECT_FALSE(tree.IsPartition({{1, 0}, {1, 1}}));
  EXPECT_FALSE(tree.IsPartition({{2, 0}, {1, 1}, {2, 1}}));
  EXPECT_FALSE(tree.IsPartition({{2, 0}, {0, 4}}));
  EXPECT_FALSE(tree.IsPartition({}));
}

}  // namespace
}  // namespace banyan
