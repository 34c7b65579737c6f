#include "coordinator/shares/relief.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "common/base/check.h"
#include "common/tree/cover.h"

namespace banyan::coordinator {
namespace {

using Part = Hand::Part;

// What is given away, and what stays where it is.
struct Split {
  std::vector<LeafSet> kept;   // by hand
  std::vector<Node> missing;   // given, to be computed
  std::vector<Node> settled;   // given, covered already
};

void Append(const Tree& tree, const LeafSet& leaves, std::vector<Node>& nodes) {
  const std::vector<Node> stored = Cover(tree, leaves).Stored();
  nodes.insert(nodes.end(), stored.begin(), stored.end());
}

Split SplitHands(const Tree& tree, const std::vector<Hand>& hands, const LeafSet& missing) {
  Split split;
  for (const Hand& hand : hands) {
    LeafSet kept(tree.leaves());
    LeafSet given(tree.leaves());
    LeafSet settled(tree.leaves());
    for (const Node& node : hand.nodes) {
      const LeafRange range = tree.Leaves(node);
      for (uint32_t leaf = range.begin; leaf < range.end; ++leaf) {
        const bool gives = hand.part == Part::kGivesAll ||
                           (hand.part == Part::kGivesMissing && missing.Contains(leaf));
        (!gives ? kept : missing.Contains(leaf) ? given : settled).Add(leaf);
      }
    }
    split.kept.push_back(kept);
    Append(tree, given, split.missing);
    Append(tree, settled, split.settled);
  }
  return split;
}

// All nodes, were the pieces given out one by one.
std::vector<Node> Pieces(const Tree& tree, const Split& split, const std::vector<Node>& missing) {
  std::vector<Node> pieces = missing;
  pieces.insert(pieces.end(), split.settled.begin(), split.settled.end());
  for (const LeafSet& kept : split.kept) Append(tree, kept, pieces);
  return pieces;
}

uint32_t SizeOf(const Tree& tree, Node node) { return tree.Leaves(node).size(); }

// Largest first, then from left to right.
void Sort(const Tree& tree, std::vector<Node>& nodes) {
  std::sort(nodes.begin(), nodes.end(), [&](Node a, Node b) {
    const LeafRange left = tree.Leaves(a);
    const LeafRange right = tree.Leaves(b);
    return left.size() != right.size() ? left.size() > right.size() : left.begin < right.begin;
  });
}

}  // namespace

LeafPlan Relieve(const Tree& tree, const std::vector<Hand>& hands, const LeafSet& missing,
                 const std::function<bool(const std::vector<Node>& partition)>& fits) {
  std::vector<size_t> helpers;
  for (size_t i = 0; i < hands.size(); ++i) {
    if (hands[i].part == Part::kHelps) helpers.push_back(i);
  }
  CHECK(!helpers.empty());
  Split split = SplitHands(tree, hands, missing);
  std::vector<Node>& given = split.missing;
  Sort(tree, given);
  while (!given.empty() && given.size() < helpers.size() && SizeOf(tree, given.front()) > 1) {
    std::vector<Node> finer(given.begin() + 1, given.end());
    const auto [left, right] = tree.Children(given.front());
    finer.insert(finer.end(), {left, right});
    if (!fits(Pieces(tree, split, finer))) break;
    given = std::move(finer);
    Sort(tree, given);
  }

  std::vector<uint32_t> todo(hands.size(), 0);  // leaves that are still to be computed
  for (const size_t helper : helpers) {
    for (const LeafRange& range : split.kept[helper].Ranges()) todo[helper] += missing.Count(range);
  }
  for (const Node& node : given) {
    const auto seconds = [&](size_t helper) {
      return ShareSeconds(todo[helper] + SizeOf(tree, node), hands[helper].pace);
    };
    const size_t best = *std::min_element(helpers.begin(), helpers.end(),
                                          [&](size_t a, size_t b) { return seconds(a) < seconds(b); });
    todo[best] += SizeOf(tree, node);
    split.kept[best].Add(tree.Leaves(node));
  }
  for (const Node& node : split.settled) {
    const size_t least = *std::min_element(helpers.begin(), helpers.end(), [&](size_t a, size_t b) {
      return split.kept[a].count() < split.kept[b].count();
    });
    split.kept[least].Add(tree.Leaves(node));
  }
  LeafPlan plan;
  for (const LeafSet& kept : split.kept) plan.push_back(Cover(tree, kept).Stored());
  return plan;
}

}  // namespace banyan::coordinator
