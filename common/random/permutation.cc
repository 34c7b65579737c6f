#include "common/random/permutation.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "common/base/check.h"
#include "common/random/random.h"

namespace banyan {
namespace {

// The upper `bits` bits of SplitMix64's finaliser (Steele, Lea and Flood 2014).
uint64_t RoundFunction(uint64_t value, int bits) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return (value ^ (value >> 31)) >> (64 - bits);
}

uint64_t Mask(int bits) { return (uint64_t{1} << bits) - 1; }

}  // namespace

Permutation::Permutation(uint64_t seed, uint64_t epoch, uint64_t size) : size_(size) {
  CHECK_GE(size, 1u);
  CHECK_LE(size, uint64_t{1} << 62);
  // Below 8 bits the network has too few bits to mix; a walk through 256 values costs a tiny data set nothing.
  const int bits = std::max(8, static_cast<int>(std::bit_width(size - 1)));
  left_bits_ = bits / 2;
  right_bits_ = bits - left_bits_;
  const RandomKey key = MakeRandomKey(seed, RandomPurpose::kShuffle, epoch, 0);
  for (uint64_t r = 0; r < kRounds; ++r) {
    keys_[r] = Uint32(key, 2 * r) | static_cast<uint64_t>(Uint32(key, 2 * r + 1)) << 32;
  }
}

uint64_t Permutation::Encrypt(uint64_t value) const {
  int left_bits = left_bits_;
  int right_bits = right_bits_;
  uint64_t left = value >> right_bits;
  uint64_t right = value & Mask(right_bits);
  for (int r = 0; r < kRounds; ++r) {
    left ^= RoundFunction(right + keys_[r], left_bits);
    std::swap(left, right);
    std::swap(left_bits, right_bits);
  }
  return left << right_bits | right;
}

uint64_t Permutation::Decrypt(uint64_t value) const {
  // After an even number of rounds the halves have their first widths again.
  int left_bits = left_bits_;
  int right_bits = right_bits_;
  uint64_t left = value >> right_bits;
  uint64_t right = value & Mask(right_bits);
  for (int r = kRounds - 1; r >= 0; --r) {
    std::swap(left, right);
    std::swap(left_bits, right_bits);
    left ^= RoundFunction(right + keys_[r], left_bits);
  }
  return left << right_bits | right;
}

uint64_t Permutation::Map(uint64_t position) const {
  CHECK_LT(position, size_);
  uint64_t value = Encrypt(position);
  while (value >= size_) value = Encrypt(value);
  return value;
}

uint64_t Permutation::Inverse(uint64_t value) const {
  CHECK_LT(value, size_);
  uint64_t position = Decrypt(value);
  while (position >= size_) position = Decrypt(position);
  return position;
}

}  // namespace banyan
