#ifndef BANYAN_COMMON_REDUCE_FINITE_BITS_H_
#define BANYAN_COMMON_REDUCE_FINITE_BITS_H_

#include <bit>
#include <cstdint>
#include <type_traits>

#include "common/cpu/run_at.h"

namespace banyan {

// Gathers, inside a vectorised loop, whether a value was infinite or NaN: in integers, so that no compiler reasons the
// test away and no level is slower than an addition.
template <typename T>
class FiniteBits {
 public:
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;

  // All ones in the exponent, and only that, carries into the sign bit.
  static BANYAN_INLINE Bits Flag(T value) { return (std::bit_cast<Bits>(value) & kMagnitude) + kCarry; }

  // Whether no flag that was or-ed into `flags` is that of an infinity or a NaN.
  static BANYAN_INLINE bool Finite(Bits flags) { return (flags & ~kMagnitude) == 0; }

 private:
  static constexpr Bits kMagnitude = ~Bits{0} >> 1;
  static constexpr Bits kCarry = sizeof(T) == 4 ? Bits{0x00800000} : static_cast<Bits>(uint64_t{1} << 52);
};

}  // namespace banyan

#endif  // BANYAN_COMMON_REDUCE_FINITE_BITS_H_
