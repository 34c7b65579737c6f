#ifndef BANYAN_COMMON_TREE_SHARE_H_
#define BANYAN_COMMON_TREE_SHARE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "common/tree/node.h"
#include "common/tree/tree.h"

namespace banyan {

// The nodes of each worker, from left to right; together a partition of the root.
using LeafPlan = std::vector<std::vector<Node>>;

// Turns shares (leaves of worker 0, 1, ...; 0 allowed) into a leaf plan in which a worker with s leaves has at most
// popcount(s) nodes: as in a buddy allocator, the bits of all shares are placed largest first (equal ones by worker),
// each into the smallest free node that can hold it, the leftmost of equals. Siblings in one hand become their parent.
// Deterministic. INVALID_ARGUMENT unless the shares add up to the tree's leaves.
absl::StatusOr<LeafPlan> PlaceShares(const Tree& tree, const std::vector<uint32_t>& shares);

// The same, but a worker whose nodes in `previous` (a plan of the same tree; worker by worker, shorter or longer as
// workers come and go) already make up its share keeps them; blocks that then fit nowhere are halved. If that takes
// more nodes in all than placing afresh, it is placed afresh.
absl::StatusOr<LeafPlan> PlaceShares(const Tree& tree, const std::vector<uint32_t>& shares, const LeafPlan& previous);

// The leaves of each worker.
std::vector<uint32_t> SharesOf(const Tree& tree, const LeafPlan& plan);

// All nodes of a plan, in the order of its workers.
std::vector<Node> NodesOf(const LeafPlan& plan);

}  // namespace banyan

#endif  // BANYAN_COMMON_TREE_SHARE_H_
