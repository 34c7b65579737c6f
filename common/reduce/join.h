#ifndef BANYAN_COMMON_REDUCE_JOIN_H_
#define BANYAN_COMMON_REDUCE_JOIN_H_

#include <cstddef>
#include <span>

#include "common/cpu/cpu_level.h"

namespace banyan {

// The join of two partials of the canonical tree, left + right: IEEE addition element by element, denormals kept, the
// same bits at every level (a NaN stays one; its payload may differ). Addition commutes, so it does not matter which of
// the two lies in the accumulator. All spans of one call have one length and any alignment of their elements; two of
// them are either the same memory or apart. Thread-compatible: no state.

// sum[i] += part[i]
void Join(CpuLevel level, std::span<float> sum, std::span<const float> part);
void Join(CpuLevel level, std::span<double> sum, std::span<const double> part);

// The same for a partial as it came from the wire: the elements' little-endian bytes at any address.
void JoinBytes(CpuLevel level, std::span<float> sum, std::span<const std::byte> part);
void JoinBytes(CpuLevel level, std::span<double> sum, std::span<const std::byte> part);

// Joins the partial of a chunk that has no gradient in a leaf, +0 everywhere: -0 becomes +0, the rest stays.
void JoinZero(CpuLevel level, std::span<float> sum);
void JoinZero(CpuLevel level, std::span<double> sum);

// out[i] = left[i] + right[i]
void JoinTo(CpuLevel level, std::span<float> out, std::span<const float> left, std::span<const float> right);
void JoinTo(CpuLevel level, std::span<double> out, std::span<const double> left, std::span<const double> right);

// Whether no element is infinite or NaN.
bool AllFinite(CpuLevel level, std::span<const float> values);
bool AllFinite(CpuLevel level, std::span<const double> values);

}  // namespace banyan

#endif  // BANYAN_COMMON_REDUCE_JOIN_H_
