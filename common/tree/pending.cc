#include "common/tree/pending.h"

#include <algorithm>
#include <unordered_set>

#include "common/base/check.h"

namespace banyan {
namespace {

using NodeSet = std::unordered_set<Node>;

uint32_t PendingBelow(const Tree& tree, const NodeSet& partition, Node node) {
  if (partition.contains(node)) return 0;
  const auto [left, right] = tree.Children(node);
  const uint32_t left_pending = PendingBelow(tree, partition, left);
  const uint32_t right_pending = PendingBelow(tree, partition, right);
  return std::max(left_pending + right_pending, 1 + std::max(left_pending, right_pending));
}

// Every node with one of `nodes` properly inside it.
NodeSet ProperAncestors(const Tree& tree, const NodeSet& nodes) {
  NodeSet ancestors;
  for (Node node : nodes) {
    while (node != tree.root()) {
      node = tree.Parent(node);
      if (!ancestors.insert(node).second) break;
    }
  }
  return ancestors;
}

}  // namespace

uint32_t MaxPending(const Tree& tree, const std::vector<Node>& partition) {
  CHECK(tree.IsPartition(partition));
  return PendingBelow(tree, NodeSet(partition.begin(), partition.end()), tree.root());
}

std::vector<Node> CommonRefinement(const Tree& tree, const std::vector<std::vector<Node>>& partitions) {
  CHECK(!partitions.empty());
  NodeSet nodes;
  for (const std::vector<Node>& partition : partitions) {
    CHECK(tree.IsPartition(partition));
    nodes.insert(partition.begin(), partition.end());
  }
  // A node with another one inside is cut up by that one's partition; the others are the smallest of their leaves.
  const NodeSet ancestors = ProperAncestors(tree, nodes);
  std::vector<Node> refinement;
  for (const Node& node : nodes) {
    if (!ancestors.contains(node)) refinement.push_back(node);
  }
  std::sort(refinement.begin(), refinement.end(),
            [&](Node a, Node b) { return tree.Leaves(a).begin < tree.Leaves(b).begin; });
  return refinement;
}

}  // namespace banyan
