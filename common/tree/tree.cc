#include "common/tree/tree.h"

#include <algorithm>
#include <bit>

#include "common/base/check.h"

namespace banyan {

Tree::Tree(uint32_t leaves) : leaves_(leaves), root_level_(0) {
  CHECK_GE(leaves, 1u);
  CHECK_LE(leaves, kMaxLeaves);
  root_level_ = static_cast<uint32_t>(std::bit_width(leaves - 1));
}

LeafRange Tree::Leaves(Node node) const {
  if (node.level > root_level_) return node.index == 0 ? LeafRange{0, leaves_} : LeafRange{leaves_, leaves_};
  const uint64_t begin = uint64_t{node.index} << node.level;
  const uint64_t end = (uint64_t{node.index} + 1) << node.level;
  return {static_cast<uint32_t>(std::min<uint64_t>(begin, leaves_)),
          static_cast<uint32_t>(std::min<uint64_t>(end, leaves_))};
}

bool Tree::IsCanonical(Node node) const {
  if (node == root()) return true;
  if (node.level >= root_level_ || Leaves(node).size() == 0) return false;
  return Leaves({node.level, node.index ^ 1}).size() > 0;
}

Node Tree::Canonical(Node node) const {
  CHECK_GT(Leaves(node).size(), 0u);
  if (node.level >= root_level_) return root();
  while (node != root() && Leaves({node.level, node.index ^ 1}).size() == 0) node = {node.level + 1, node.index / 2};
  return node;
}

Node Tree::Parent(Node node) const {
  CHECK(IsCanonical(node) && node != root());
  return Canonical({node.level + 1, node.index / 2});
}

Node Tree::Sibling(Node node) const {
  CHECK(IsCanonical(node) && node != root());
  return {node.level, node.index ^ 1};
}

std::pair<Node, Node> Tree::Children(Node node) const {
  CHECK(IsCanonical(node) && !IsLeaf(node));
  // Down through the lower spellings of the same leaves.
  while (Leaves({node.level - 1, 2 * node.index + 1}).size() == 0) node = {node.level - 1, 2 * node.index};
  return {{node.level - 1, 2 * node.index}, {node.level - 1, 2 * node.index + 1}};
}

bool Tree::Contains(Node outer, Node inner) const {
  const LeafRange outer_leaves = Leaves(outer);
  const LeafRange inner_leaves = Leaves(inner);
  return outer_leaves.begin <= inner_leaves.begin && inner_leaves.end <= outer_leaves.end;
}

bool Tree::IsPartition(const std::vector<Node>& nodes) const {
  std::vector<LeafRange> ranges;
  for (const Node& node : nodes) {
    if (!IsCanonical(node)) return false;
    ranges.push_back(Leaves(node));
  }
  std::sort(ranges.begin(), ranges.end(), [](LeafRange a, LeafRange b) { return a.begin < b.begin; });
  uint32_t next = 0;
  for (const LeafRange& range : ranges) {
    if (range.begin != next) return false;
    next = range.end;
  }
  return next == leaves_;
}

}  // namespace banyan
