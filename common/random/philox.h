#ifndef BANYAN_COMMON_RANDOM_PHILOX_H_
#define BANYAN_COMMON_RANDOM_PHILOX_H_

#include <array>
#include <cstdint>

namespace banyan {

// Four words of 32 bits: a counter going in, random words coming out. Word 0 is the counter's low end.
using PhiloxBlock = std::array<uint32_t, 4>;

// Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1,
// 2, 3" (SC 2011): a bijection of the 128-bit counter for every 64-bit key. Word for word that of Random123, cuRAND,
// PyTorch and JAX. Pure.
constexpr PhiloxBlock Philox4x32(PhiloxBlock counter, uint64_t key) {
  auto key_0 = static_cast<uint32_t>(key);
  auto key_1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t product_0 = uint64_t{0xD2511F53} * counter[0];
    const uint64_t product_1 = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(product_1 >> 32) ^ counter[1] ^ key_0, static_cast<uint32_t>(product_1),
               static_cast<uint32_t>(product_0 >> 32) ^ counter[3] ^ key_1, static_cast<uint32_t>(product_0)};
    key_0 += 0x9E3779B9;
    key_1 += 0xBB67AE85;
  }
  return counter;
}

}  // namespace banyan

#endif  // BANYAN_COMMON_RANDOM_PHILOX_H_
