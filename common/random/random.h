#ifndef BANYAN_COMMON_RANDOM_RANDOM_H_
#define BANYAN_COMMON_RANDOM_RANDOM_H_

#include <array>
#include <cstdint>
#include <span>

#include "common/random/philox.h"
#include "common/random/random_key.h"

namespace banyan {

// Random numbers as functions of (key, element index): no state, so any part of a tensor can be made anywhere, in any
// order and any split, and is the same. The index of an element is its global one (in the whole parameter; in the
// step's whole batch for activations). Every device gives the same bits. All functions are pure and thread-safe.
//
// Block b of a key is Philox4x32-10 of the counter {b low, b high, stream low, stream high} under the key `seed`.
// Element i has word i % 4 of block i / 4:
//   Uint32(i)  that word
//   Uniform(i) (word >> 8) * 2^-24: a float in [0, 1) with 24 bits
//   Normal(i)  Box and Muller (1958) on the pair of words p = i - i % 2 and p + 1, in fp64 with common/math, rounded to
//              float: r = Sqrt(-2 Log((word_p + 0.5) 2^-32)), a = 2 pi word_(p+1) 2^-32; r Cos(a) where i is even,
//              r Sin(a) where it is odd. Mean 0, standard deviation 1, |value| < 6.77

constexpr PhiloxBlock RandomBlock(const RandomKey& key, uint64_t block) {
  return Philox4x32({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32),
                     static_cast<uint32_t>(key.stream), static_cast<uint32_t>(key.stream >> 32)},
                    key.seed);
}

constexpr uint32_t Uint32(const RandomKey& key, uint64_t i) { return RandomBlock(key, i / 4)[i % 4]; }

constexpr float Uniform(const RandomKey& key, uint64_t i) {
  return static_cast<float>(Uint32(key, i) >> 8) * 0x1p-24f;
}

float Normal(const RandomKey& key, uint64_t i);

// Elements [first, first + out.size()); vectorised.
void FillUint32(const RandomKey& key, uint64_t first, std::span<uint32_t> out);
void FillUniform(const RandomKey& key, uint64_t first, std::span<float> out);
void FillNormal(const RandomKey& key, uint64_t first, std::span<float> out);

// Which elements dropout keeps: element i where Uint32(i) >= threshold, threshold = round(rate * 2^32), at most
// 2^32 - 1. A plain value that kernels may take apart.
struct KeepMask {
  RandomKey key;
  uint32_t threshold = 0;

  // `rate` is the probability of dropping an element, in [0, 1). With 0 all are kept.
  KeepMask(const RandomKey& key, double rate);

  constexpr bool Keeps(uint64_t i) const { return Uint32(key, i) >= threshold; }

  // 1 where element first + j is kept, else 0; vectorised (about 0.8e9 elements a second on a core with AVX2).
  void Fill(uint64_t first, std::span<uint8_t> out) const;
};

}  // namespace banyan

#endif  // BANYAN_COMMON_RANDOM_RANDOM_H_
