#ifndef BANYAN_COMMON_RANDOM_PERMUTATION_H_
#define BANYAN_COMMON_RANDOM_PERMUTATION_H_

#include <array>
#include <cstdint>

namespace banyan {

// A pseudo-random bijection of [0, size), one for each (seed, epoch): the order of an epoch's samples without a table,
// so that any worker finds any position at once. Immutable and thread-safe; cheap to make (four Philox blocks).
//
// A Feistel network of 8 rounds over b bits, b = max(8, bits of size - 1), walked until the value is below `size`
// again (Black and Rogaway 2002): fewer than two rounds of the network on average from size 129 on. Round r takes
// (left, right) to (right, left ^ F(right + key_r)), F being the upper bits of SplitMix64's finaliser; the halves have
// floor(b/2) and ceil(b/2) bits and change places each round. key_r is elements 2r (low) and 2r + 1 (high) of Uint32
// under MakeRandomKey(seed, kShuffle, epoch, 0).
class Permutation {
 public:
  // 1 <= size <= 2^62.
  Permutation(uint64_t seed, uint64_t epoch, uint64_t size);

  // The image of `position`, which is below size.
  uint64_t Map(uint64_t position) const;

  // The position whose image is `value`: Inverse(Map(p)) = p.
  uint64_t Inverse(uint64_t value) const;

  uint64_t size() const { return size_; }

 private:
  static constexpr int kRounds = 8;

  uint64_t Encrypt(uint64_t value) const;
  uint64_t Decrypt(uint64_t value) const;

  uint64_t size_;
  int left_bits_;
  int right_bits_;
  std::array<uint64_t, kRounds> keys_;
};

}  // namespace banyan

#endif  // BANYAN_COMMON_RANDOM_PERMUTATION_H_
