#ifndef BANYAN_COMMON_TREE_LEAF_SET_H_
#define BANYAN_COMMON_TREE_LEAF_SET_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "common/tree/tree.h"

namespace banyan {

// A set of a step's leaves, as a bitmap. Thread-compatible. Ranges must lie within [0, leaves).
class LeafSet {
 public:
  // The empty set over leaves 0 .. leaves-1, 1 <= leaves <= Tree::kMaxLeaves.
  explicit LeafSet(uint32_t leaves);

  // The bytes of a set over `leaves` leaves, as ToBytes gives them; INVALID_ARGUMENT for a wrong length or for bits
  // beyond the last leaf. `leaves` is the caller's, the bytes may be anybody's.
  static absl::StatusOr<LeafSet> FromBytes(uint32_t leaves, std::span<const uint8_t> bytes);

  // ceil(leaves / 8) bytes; leaf l is bit l % 8 (of value 2^(l % 8)) of byte l / 8.
  std::vector<uint8_t> ToBytes() const;

  uint32_t leaves() const { return leaves_; }
  uint32_t count() const { return count_; }
  bool full() const { return count_ == leaves_; }
  bool empty() const { return count_ == 0; }

  void Add(LeafRange range);
  void Add(uint32_t leaf) { Add({leaf, leaf + 1}); }
  void Remove(LeafRange range);
  void Clear();

  bool Contains(uint32_t leaf) const { return (words_[leaf / 64] >> (leaf % 64) & 1) != 0; }
  bool ContainsAll(LeafRange range) const { return Count(range) == range.size(); }
  bool ContainsAny(LeafRange range) const { return Count(range) != 0; }
  uint32_t Count(LeafRange range) const;

  // The leaves of `other` too. Both are over the same number of leaves.
  void AddAll(const LeafSet& other);

  // The leaves that are not here.
  LeafSet Complement() const;

  // The maximal runs of consecutive leaves, in order.
  std::vector<LeafRange> Ranges() const;

  friend bool operator==(const LeafSet&, const LeafSet&) = default;

 private:
  uint32_t leaves_;
  uint32_t count_ = 0;
  std::vector<uint64_t> words_;  // bits beyond the last leaf are 0
};

}  // namespace banyan

#endif  // BANYAN_COMMON_TREE_LEAF_SET_H_
