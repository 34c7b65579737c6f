#include "common/tree/share.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/tree/cover.h"
#include "common/tree/leaf_set.h"

namespace banyan {
namespace {

// The free leaves, as disjoint nodes.
class FreeNodes {
 public:
  FreeNodes(const Tree& tree, std::vector<Node> nodes) : tree_(tree), nodes_(std::move(nodes)) {}

  // Takes `size` leaves (a power of two) that are a node, from the smallest free node with as many, the leftmost of
  // equals; none if every free node is smaller. A node of at least 2^j leaves starts at a multiple of 2^j, so that its
  // first 2^j leaves are a node.
  std::optional<LeafRange> Take(uint32_t size) {
    auto best = nodes_.end();
    for (auto it = nodes_.begin(); it != nodes_.end(); ++it) {
      if (Size(*it) >= size && (best == nodes_.end() || Order(*it) < Order(*best))) best = it;
    }
    if (best == nodes_.end()) return std::nullopt;
    Node node = *best;
    nodes_.erase(best);
    while (Size(node) > size) {
      auto [part, rest] = tree_.Children(node);
      if (Size(rest) >= size && Size(rest) < Size(part)) std::swap(part, rest);
      nodes_.push_back(rest);
      node = part;
    }
    return tree_.Leaves(node);
  }

 private:
  uint32_t Size(Node node) const { return tree_.Leaves(node).size(); }
  std::pair<uint32_t, uint32_t> Order(Node node) const { return {Size(node), tree_.Leaves(node).begin}; }

  const Tree& tree_;
  std::vector<Node> nodes_;
};

// Gives each worker in `wanted` as many leaves beside those it has in `leaves`.
void Allocate(const Tree& tree, const std::vector<uint32_t>& wanted, std::vector<LeafSet>* leaves) {
  LeafSet taken(tree.leaves());
  for (const LeafSet& set : *leaves) taken.AddAll(set);
  FreeNodes free(tree, Cover(tree, taken.Complement()).Stored());
  struct Block {
    uint32_t size;
    size_t worker;
    bool operator<(const Block& other) const {
      return size != other.size ? size > other.size : worker < other.worker;
    }
  };
  std::multiset<Block> blocks;
  for (size_t worker = 0; worker < wanted.size(); ++worker) {
    for (uint32_t rest = wanted[worker]; rest != 0; rest -= std::bit_floor(rest)) {
      blocks.insert({std::bit_floor(rest), worker});
    }
  }
  while (!blocks.empty()) {
    const Block block = *blocks.begin();
    blocks.erase(blocks.begin());
    if (const std::optional<LeafRange> range = free.Take(block.size)) {
      (*leaves)[block.worker].Add(*range);
    } else {
      blocks.insert({block.size / 2, block.worker});
      blocks.insert({block.size / 2, block.worker});
    }
  }
}

LeafPlan PlanOf(const Tree& tree, const std::vector<LeafSet>& leaves) {
  LeafPlan plan;
  // The maximal full subtrees of a worker's leaves are the fewest nodes.
  for (const LeafSet& set : leaves) plan.push_back(Cover(tree, set).Stored());
  return plan;
}

absl::Status CheckSum(const Tree& tree, const std::vector<uint32_t>& shares) {
  const uint64_t sum = std::accumulate(shares.begin(), shares.end(), uint64_t{0});
  if (sum == tree.leaves()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("leaf plan '", absl::StrJoin(shares, ","), "' adds up to ", sum,
                                                 " leaves, expected ", tree.leaves()));
}

}  // namespace

absl::StatusOr<LeafPlan> PlaceShares(const Tree& tree, const std::vector<uint32_t>& shares) {
  if (const absl::Status status = CheckSum(tree, shares); !status.ok()) return status;
  std::vector<LeafSet> leaves(shares.size(), LeafSet(tree.leaves()));
  Allocate(tree, shares, &leaves);
  return PlanOf(tree, leaves);
}

absl::StatusOr<LeafPlan> PlaceShares(const Tree& tree, const std::vector<uint32_t>& shares, const LeafPlan& previous) {
  auto fresh = PlaceShares(tree, shares);
  if (!fresh.ok()) return fresh.status();
  std::vector<LeafSet> leaves(shares.size(), LeafSet(tree.leaves()));
  std::vector<uint32_t> wanted = shares;
  const std::vector<uint32_t> had = SharesOf(tree, previous);
  for (size_t worker = 0; worker < std::min(shares.size(), previous.size()); ++worker) {
    if (had[worker] != shares[worker]) continue;
    for (const Node& node : previous[worker]) leaves[worker].Add(tree.Leaves(node));
    wanted[worker] = 0;
  }
  Allocate(tree, wanted, &leaves);
  LeafPlan kept = PlanOf(tree, leaves);
  return NodesOf(kept).size() <= NodesOf(*fresh).size() ? std::move(kept) : *std::move(fresh);
}

std::vector<uint32_t> SharesOf(const Tree& tree, const LeafPlan& plan) {
  std::vector<uint32_t> shares;
  for (const std::vector<Node>& nodes : plan) {
    uint32_t leaves = 0;
    for (const Node& node : nodes) leaves += tree.Leaves(node).size();
    shares.push_back(leaves);
  }
  return shares;
}

std::vector<Node> NodesOf(const LeafPlan& plan) {
  std::vector<Node> all;
  for (const std::vector<Node>& nodes : plan) all.insert(all.end(), nodes.begin(), nodes.end());
  return all;
}

}  // namespace banyan
