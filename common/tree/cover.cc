#include "common/tree/cover.h"

#include <utility>

#include "common/base/check.h"

namespace banyan {

Cover::Cover(const Tree& tree) : Cover(tree, LeafSet(tree.leaves())) {}

Cover::Cover(const Tree& tree, LeafSet covered) : tree_(tree), covered_(std::move(covered)) {
  CHECK_EQ(covered_.leaves(), tree_.leaves());
}

Cover::Decision Cover::Offer(Node node) {
  if (!tree_.IsCanonical(node)) return {.verdict = Verdict::kMisspelled, .released = {}, .joins = {}};
  const LeafRange leaves = tree_.Leaves(node);
  if (covered_.ContainsAll(leaves)) return {.verdict = Verdict::kCovered, .released = {}, .joins = {}};
  Decision decision = {.verdict = Verdict::kStored, .released = {}, .joins = {}};
  AppendStored(node, &decision.released);
  covered_.Add(leaves);
  while (node != tree_.root()) {
    const Node sibling = tree_.Sibling(node);
    if (!covered_.ContainsAll(tree_.Leaves(sibling))) break;
    decision.joins.push_back({.from = node, .into = sibling, .result = tree_.Parent(node)});
    node = decision.joins.back().result;
  }
  return decision;
}

std::vector<Node> Cover::Stored() const {
  std::vector<Node> stored;
  AppendStored(tree_.root(), &stored);
  return stored;
}

void Cover::AppendStored(Node node, std::vector<Node>* stored) const {
  const LeafRange leaves = tree_.Leaves(node);
  const uint32_t count = covered_.Count(leaves);
  if (count == 0) return;
  if (count == leaves.size()) {
    stored->push_back(node);
    return;
  }
  const auto [left, right] = tree_.Children(node);
  AppendStored(left, stored);
  AppendStored(right, stored);
}

}  // namespace banyan
