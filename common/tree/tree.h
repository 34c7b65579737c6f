#ifndef BANYAN_COMMON_TREE_TREE_H_
#define BANYAN_COMMON_TREE_TREE_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "common/tree/node.h"

namespace banyan {

// Leaves [begin, end).
struct LeafRange {
  uint32_t begin = 0;
  uint32_t end = 0;

  uint32_t size() const { return end - begin; }
  friend bool operator==(const LeafRange&, const LeafRange&) = default;
};

// The canonical tree over leaves 0 .. leaves-1: what a step's gradients, weights and losses are summed over, whoever
// sums them. A node's value is its left child's plus its right child's. A node whose right half is empty *is* its left
// child, never that plus zero, and is called by the higher name: one goes up while the sibling is empty. So every set
// of leaves that is a node has exactly one canonical name. With 5 leaves the root is (3,0), its children (2,0) and
// (2,1), and (2,1) is leaf 4, which (0,4) and (1,2) misspell.
//
// A value without state beside the number of leaves; thread-safe. Functions that take a canonical node CHECK it; names
// from outside go through IsCanonical first.
class Tree {
 public:
  static constexpr uint32_t kMaxLeaves = 1 << 20;

  // 1 <= leaves <= kMaxLeaves.
  explicit Tree(uint32_t leaves);

  uint32_t leaves() const { return leaves_; }
  Node root() const { return {root_level_, 0}; }

  // Whether `node` is a canonical name in this tree; for any two numbers, however wild.
  bool IsCanonical(Node node) const;

  // The canonical name of the leaves that `node` covers. Some of them must exist.
  Node Canonical(Node node) const;

  // The canonical name of one leaf.
  Node Leaf(uint32_t leaf) const { return Canonical({0, leaf}); }

  // The leaves that `node` covers; empty where it lies beyond the last one. For any spelling.
  LeafRange Leaves(Node node) const;

  // Whether a node of this tree is a single leaf.
  bool IsLeaf(Node node) const { return Leaves(node).size() == 1; }

  // Canonical neighbours of a canonical node: the first two not of the root, the children not of a leaf.
  Node Parent(Node node) const;
  Node Sibling(Node node) const;
  std::pair<Node, Node> Children(Node node) const;

  // Whether every leaf of `inner` is one of `outer`.
  bool Contains(Node outer, Node inner) const;

  // Whether `nodes` are canonical, disjoint and cover every leaf.
  bool IsPartition(const std::vector<Node>& nodes) const;

  friend bool operator==(const Tree&, const Tree&) = default;

 private:
  uint32_t leaves_;
  uint32_t root_level_;
};

// The value of `node`, from leaf(l) for its leaves and join(left, right): the canonical sum in its plainest form.
template <typename T, typename LeafFunction, typename Join>
T FoldTree(const Tree& tree, Node node, const LeafFunction& leaf, const Join& join) {
  if (tree.IsLeaf(node)) return leaf(tree.Leaves(node).begin);
  const auto [left, right] = tree.Children(node);
  return join(FoldTree<T>(tree, left, leaf, join), FoldTree<T>(tree, right, leaf, join));
}

}  // namespace banyan

#endif  // BANYAN_COMMON_TREE_TREE_H_
