#ifndef BANYAN_COMMON_TREE_SUM_TREE_H_
#define BANYAN_COMMON_TREE_SUM_TREE_H_

#include <map>
#include <optional>
#include <utility>

#include "common/base/check.h"
#include "common/tree/cover.h"

namespace banyan {

// The canonical sum of small values (losses and weights in fp64, say) that arrive at nodes in any order and any split:
// the total has the same bits always. T has operator+(left, right). Thread-compatible.
template <typename T>
class SumTree {
 public:
  explicit SumTree(const Tree& tree) : cover_(tree) {}

  // Offers the value of `node`; what comes back is what became of it.
  Cover::Verdict Add(Node node, T value) {
    const Cover::Decision decision = cover_.Offer(node);
    if (decision.verdict != Cover::Verdict::kStored) return decision.verdict;
    for (const Node& released : decision.released) values_.erase(released);
    values_.emplace(node, std::move(value));
    for (const Cover::Join& join : decision.joins) {
      auto from = values_.extract(join.from);
      auto into = values_.extract(join.into);
      CHECK(!from.empty() && !into.empty());
      const bool from_is_left = join.from < join.into;
      into.mapped() = from_is_left ? from.mapped() + into.mapped() : into.mapped() + from.mapped();
      into.key() = join.result;
      values_.insert(std::move(into));
    }
    return decision.verdict;
  }

  const LeafSet& covered() const { return cover_.covered(); }
  bool complete() const { return cover_.complete(); }

  // The root's value, once complete.
  std::optional<T> Total() const {
    if (!complete()) return std::nullopt;
    return values_.at(cover_.tree().root());
  }

  // The stored value of each maximal full subtree.
  const std::map<Node, T>& values() const { return values_; }

 private:
  Cover cover_;
  std::map<Node, T> values_;
};

}  // namespace banyan

#endif  // BANYAN_COMMON_TREE_SUM_TREE_H_
