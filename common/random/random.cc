#include "common/random/random.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "common/base/check.h"
#include "common/math/elementary.h"

namespace banyan {
namespace {

// Whole blocks [first, first + blocks), written in element order.
void FillBlocksPlain(const RandomKey& key, uint64_t first, size_t blocks, uint32_t* out) {
  for (size_t b = 0; b < blocks; ++b) {
    const PhiloxBlock words = RandomBlock(key, first + b);
    std::copy(words.begin(), words.end(), out + 4 * b);
  }
}

#ifdef __x86_64__

// The same, four blocks at once: one word of each block in the lower half of a 64-bit lane, as the 32 x 32 -> 64 bit
// product wants it (compilers do not find this form by themselves). The upper halves hold rubbish that nothing reads.
[[gnu::target("avx2")]] void FillBlocksAvx2(const RandomKey& key, uint64_t first, size_t blocks, uint32_t* out) {
  const __m256i multiplier_0 = _mm256_set1_epi64x(0xD2511F53);
  const __m256i multiplier_1 = _mm256_set1_epi64x(0xCD9E8D57);
  const auto stream = static_cast<int64_t>(key.stream);
  size_t b = 0;
  for (; b + 4 <= blocks; b += 4) {
    // The lanes hold blocks 0, 2, 1, 3: the unpacking below then writes them in order.
    __m256i c0 = _mm256_add_epi64(_mm256_set1_epi64x(static_cast<int64_t>(first + b)), _mm256_set_epi64x(3, 1, 2, 0));
    __m256i c1 = _mm256_srli_epi64(c0, 32);
    __m256i c2 = _mm256_set1_epi64x(stream);
    __m256i c3 = _mm256_srli_epi64(c2, 32);
    auto key_low = static_cast<uint32_t>(key.seed);
    auto key_high = static_cast<uint32_t>(key.seed >> 32);
    for (int round = 0; round < 10; ++round) {
      const __m256i product_0 = _mm256_mul_epu32(c0, multiplier_0);
      const __m256i product_1 = _mm256_mul_epu32(c2, multiplier_1);
      c0 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(product_1, 32), c1), _mm256_set1_epi64x(key_low));
      c1 = product_1;
      c2 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(product_0, 32), c3), _mm256_set1_epi64x(key_high));
      c3 = product_0;
      key_low += 0x9E3779B9;
      key_high += 0xBB67AE85;
    }
    const __m256i words_01 = _mm256_blend_epi32(c0, _mm256_slli_epi64(c1, 32), 0b10101010);
    const __m256i words_23 = _mm256_blend_epi32(c2, _mm256_slli_epi64(c3, 32), 0b10101010);
    auto* target = reinterpret_cast<__m256i*>(out + 4 * b);
    _mm256_storeu_si256(target, _mm256_unpacklo_epi64(words_01, words_23));
    _mm256_storeu_si256(target + 1, _mm256_unpackhi_epi64(words_01, words_23));
  }
  FillBlocksPlain(key, first + b, blocks - b, out + 4 * b);
}

#endif

// Integers have the same bits on either path.
void FillBlocks(const RandomKey& key, uint64_t first, size_t blocks, uint32_t* out) {
#ifdef __x86_64__
  static const bool has_avx2 = __builtin_cpu_supports("avx2");
  if (has_avx2) return FillBlocksAvx2(key, first, blocks, out);
#endif
  FillBlocksPlain(key, first, blocks, out);
}

constexpr size_t kBufferBlocks = 256;

// Calls use(words, count, offset) for consecutive pieces of [first, first + size): words[0..count) are the elements
// from first + offset on. Every piece but the first starts at a block.
template <typename Use>
void ForEachPiece(const RandomKey& key, uint64_t first, size_t size, const Use& use) {
  std::array<uint32_t, 4 * kBufferBlocks> words;
  size_t offset = 0;
  while (offset < size) {
    const size_t skip = (first + offset) % 4;
    const size_t count = std::min(size - offset, words.size() - skip);
    FillBlocks(key, (first + offset) / 4, (skip + count + 3) / 4, words.data());
    use(words.data() + skip, count, offset);
    offset += count;
  }
}

struct NormalPair {
  float even;
  float odd;
};

NormalPair BoxMuller(uint32_t radius_word, uint32_t angle_word) {
  const double radius = Sqrt(-2.0 * Log((radius_word + 0.5) * 0x1p-32));
  const double angle = 2.0 * kPi * (angle_word * 0x1p-32);
  return {static_cast<float>(radius * Cos(angle)), static_cast<float>(radius * Sin(angle))};
}

}  // namespace

float Normal(const RandomKey& key, uint64_t i) {
  const PhiloxBlock block = RandomBlock(key, i / 4);
  const size_t pair = i % 4 / 2 * 2;
  const NormalPair normal = BoxMuller(block[pair], block[pair + 1]);
  return i % 2 == 0 ? normal.even : normal.odd;
}

void FillUint32(const RandomKey& key, uint64_t first, std::span<uint32_t> out) {
  ForEachPiece(key, first, out.size(), [&](const uint32_t* words, size_t count, size_t offset) {
    std::copy_n(words, count, out.data() + offset);
  });
}

void FillUniform(const RandomKey& key, uint64_t first, std::span<float> out) {
  ForEachPiece(key, first, out.size(), [&](const uint32_t* words, size_t count, size_t offset) {
    float* values = out.data() + offset;
    for (size_t j = 0; j < count; ++j) values[j] = static_cast<float>(words[j] >> 8) * 0x1p-24f;
  });
}

void FillNormal(const RandomKey& key, uint64_t first, std::span<float> out) {
  size_t begin = 0;
  size_t size = out.size();
  if (size > 0 && first % 2 == 1) {
    out[0] = Normal(key, first);
    begin = 1;
  }
  // A pair cut at the end is left to Normal too, so that the loop sees whole pairs only: pieces have even lengths.
  if (size > begin && (first + size) % 2 == 1) {
    --size;
    out[size] = Normal(key, first + size);
  }
  ForEachPiece(key, first + begin, size - begin, [&](const uint32_t* words, size_t count, size_t offset) {
    float* values = out.data() + begin + offset;
    for (size_t j = 0; j < count; j += 2) {
      const NormalPair normal = BoxMuller(words[j], words[j + 1]);
      values[j] = normal.even;
      values[j + 1] = normal.odd;
    }
  });
}

KeepMask::KeepMask(const RandomKey& random_key, double rate) : key(random_key) {
  CHECK(rate >= 0.0 && rate < 1.0);
  threshold = static_cast<uint32_t>(std::min<uint64_t>(static_cast<uint64_t>(rate * 0x1p32 + 0.5), 0xffffffffu));
}

void KeepMask::Fill(uint64_t first, std::span<uint8_t> out) const {
  ForEachPiece(key, first, out.size(), [&](const uint32_t* words, size_t count, size_t offset) {
    uint8_t* keep = out.data() + offset;
    for (size_t j = 0; j < count; ++j) keep[j] = words[j] >= threshold ? 1 : 0;
  });
}

}  // namespace banyan
