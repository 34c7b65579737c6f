#ifndef BANYAN_COMMON_TREE_NODE_H_
#define BANYAN_COMMON_TREE_NODE_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <utility>

namespace banyan {

// The name of a node of the canonical tree over a step's leaves: node (j, k) covers leaves k*2^j .. (k+1)*2^j - 1, cut
// at the number of leaves. Which names are spelled right depends on that number: see Tree.
struct Node {
  uint32_t level = 0;  // j
  uint32_t index = 0;  // k

  // By level, then by index.
  friend constexpr auto operator<=>(const Node&, const Node&) = default;

  // For absl's hash containers.
  template <typename H>
  friend H AbslHashValue(H h, const Node& node) {
    return H::combine(std::move(h), node.level, node.index);
  }
};

// "(j,k)"
inline std::string ToString(const Node& node) {
  return "(" + std::to_string(node.level) + "," + std::to_string(node.index) + ")";
}

inline std::ostream& operator<<(std::ostream& out, const Node& node) { return out << ToString(node); }

}  // namespace banyan

template <>
struct std::hash<banyan::Node> {
  size_t operator()(const banyan::Node& node) const {
    return std::hash<uint64_t>()(static_cast<uint64_t>(node.level) << 32 | node.index);
  }
};

#endif  // BANYAN_COMMON_TREE_NODE_H_
