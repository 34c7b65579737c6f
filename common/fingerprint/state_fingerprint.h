#ifndef BANYAN_COMMON_FINGERPRINT_STATE_FINGERPRINT_H_
#define BANYAN_COMMON_FINGERPRINT_STATE_FINGERPRINT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "common/reduce/norm.h"

namespace banyan {

// The state fingerprint of a step says whether two runs hold the same weights and optimizer state, and costs one pass
// over memory that is in the cache anyway. It is the sum mod 2^64, over all blocks (kBlockElements elements) of all
// tensors, of
//
//   XXH3-64(weight bytes of the block, then the bytes of each slot's block in byte order of slot name;
//           seed = XXH3-64(bytes of the tensor's name; seed = index of the block in the tensor))
//
// all little-endian. A sum has no order: chunks add theirs as they are updated, wherever they lie. It guards against
// mistakes and broken hardware, not against an adversary. Pure functions.

// One block's term. `slots` in byte order of name, each as long as `weights` in elements.
uint64_t BlockFingerprint(std::string_view tensor, uint64_t block, std::span<const std::byte> weights,
                          std::span<const std::span<const std::byte>> slots);

// The terms of a segment: neighbouring blocks of a tensor from `first_block` on. `slots` point to as many elements each
// as `weights` has.
uint64_t SegmentFingerprint(std::string_view tensor, uint64_t first_block, std::span<const float> weights,
                            std::span<float* const> slots);
uint64_t SegmentFingerprint(std::string_view tensor, uint64_t first_block, std::span<const double> weights,
                            std::span<double* const> slots);

}  // namespace banyan

#endif  // BANYAN_COMMON_FINGERPRINT_STATE_FINGERPRINT_H_
