#include "common/fingerprint/state_fingerprint.h"

// A state on the stack, so that a step allocates nothing; and the library's own choice of instruction set (43 GB/s
// where the plain entry points reach 16).
#define XXH_STATIC_LINKING_ONLY
#include <xxh_x86dispatch.h>

#include <algorithm>
#include <array>

#include "common/base/check.h"

namespace banyan {
namespace {

constexpr size_t kMaxSlots = 8;

template <typename T>
uint64_t Segment(std::string_view tensor, uint64_t first_block, std::span<const T> weights,
                 std::span<T* const> slots) {
  CHECK_LE(slots.size(), kMaxSlots);
  std::array<std::span<const std::byte>, kMaxSlots> block_slots;
  uint64_t sum = 0;
  for (size_t begin = 0; begin < weights.size(); begin += kBlockElements) {
    const size_t size = std::min(kBlockElements, weights.size() - begin);
    for (size_t slot = 0; slot < slots.size(); ++slot) {
      block_slots[slot] = std::as_bytes(std::span<const T>(slots[slot] + begin, size));
    }
    sum += BlockFingerprint(tensor, first_block + begin / kBlockElements, std::as_bytes(weights.subspan(begin, size)),
                            std::span(block_slots).first(slots.size()));
  }
  return sum;
}

}  // namespace

uint64_t BlockFingerprint(std::string_view tensor, uint64_t block, std::span<const std::byte> weights,
                          std::span<const std::span<const std::byte>> slots) {
  const uint64_t seed = XXH3_64bits_withSeed(tensor.data(), tensor.size(), block);
  alignas(64) XXH3_state_t state;
  XXH3_INITSTATE(&state);
  XXH3_64bits_reset_withSeed(&state, seed);
  XXH3_64bits_update(&state, weights.data(), weights.size());
  for (const auto& slot : slots) XXH3_64bits_update(&state, slot.data(), slot.size());
  return XXH3_64bits_digest(&state);
}

uint64_t SegmentFingerprint(std::string_view tensor, uint64_t first_block, std::span<const float> weights,
                            std::span<float* const> slots) {
  return Segment<float>(tensor, first_block, weights, slots);
}

uint64_t SegmentFingerprint(std::string_view tensor, uint64_t first_block, std::span<const double> weights,
                            std::span<double* const> slots) {
  return Segment<double>(tensor, first_block, weights, slots);
}

}  // namespace banyan
