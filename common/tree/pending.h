#ifndef BANYAN_COMMON_TREE_PENDING_H_
#define BANYAN_COMMON_TREE_PENDING_H_

#include <cstdint>
#include <vector>

#include "common/tree/node.h"
#include "common/tree/tree.h"

namespace banyan {

// h(P): the most partials of one chunk that a receiver holds at once before the root is complete, over all orders in
// which the partials of `partition` may arrive. h is 0 for a node of the partition, else with children l and r
//   h = max(h(l) + h(r), 1 + max(h(l), h(r))).
// Never above the partition's size - 1 nor above ceil(leaves / 2). CHECKs that `partition` is one of the root.
uint32_t MaxPending(const Tree& tree, const std::vector<Node>& partition);

// The coarsest partition of which each of `partitions` is a union: for each leaf the smallest node that holds it, from
// left to right. While several leaf plans are in force at once, h of this bounds what is pending. CHECKs that there is
// at least one and that each is a partition of the root.
std::vector<Node> CommonRefinement(const Tree& tree, const std::vector<std::vector<Node>>& partitions);

}  // namespace banyan

#endif  // BANYAN_COMMON_TREE_PENDING_H_
