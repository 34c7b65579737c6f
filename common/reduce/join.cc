#include "common/reduce/join.h"

#include "common/base/check.h"
#include "common/cpu/run_at.h"
#include "common/reduce/finite_bits.h"

namespace banyan {
namespace {

// An element at any address.
template <typename T>
struct AnyAddress;
template <>
struct AnyAddress<float> {
  typedef float Type __attribute__((aligned(1), may_alias));
};
template <>
struct AnyAddress<double> {
  typedef double Type __attribute__((aligned(1), may_alias));
};
template <typename T>
using Unaligned = typename AnyAddress<T>::Type;

template <typename T>
BANYAN_INLINE void AddLoop(T* out, const T* left, const Unaligned<T>* right, size_t n) {
#pragma GCC ivdep
  for (size_t i = 0; i < n; ++i) out[i] = left[i] + right[i];
}

template <typename T>
void Add(CpuLevel level, std::span<T> out, const T* left, const Unaligned<T>* right) {
  RunAt(level, [&]() __attribute__((always_inline)) { AddLoop<T>(out.data(), left, right, out.size()); });
}

template <typename T>
void AddBytes(CpuLevel level, std::span<T> sum, std::span<const std::byte> part) {
  CHECK_EQ(sum.size_bytes(), part.size());
  Add<T>(level, sum, sum.data(), reinterpret_cast<const Unaligned<T>*>(part.data()));
}

template <typename T>
BANYAN_INLINE void AddZeroLoop(T* sum, size_t n) {
  for (size_t i = 0; i < n; ++i) sum[i] += T{0};
}

template <typename T>
void AddZero(CpuLevel level, std::span<T> sum) {
  RunAt(level, [&]() __attribute__((always_inline)) { AddZeroLoop<T>(sum.data(), sum.size()); });
}

template <typename T>
BANYAN_INLINE bool FiniteLoop(const T* values, size_t n) {
  typename FiniteBits<T>::Bits flags = 0;
  for (size_t i = 0; i < n; ++i) flags |= FiniteBits<T>::Flag(values[i]);
  return FiniteBits<T>::Finite(flags);
}

template <typename T>
bool Finite(CpuLevel level, std::span<const T> values) {
  return RunAt(level,
               [&]() __attribute__((always_inline)) { return FiniteLoop<T>(values.data(), values.size()); });
}

}  // namespace

void Join(CpuLevel level, std::span<float> sum, std::span<const float> part) {
  CHECK_EQ(sum.size(), part.size());
  Add<float>(level, sum, sum.data(), part.data());
}

void Join(CpuLevel level, std::span<double> sum, std::span<const double> part) {
  CHECK_EQ(sum.size(), part.size());
  Add<double>(level, sum, sum.data(), part.data());
}

void JoinBytes(CpuLevel level, std::span<float> sum, std::span<const std::byte> part) {
  AddBytes<float>(level, sum, part);
}

void JoinBytes(CpuLevel level, std::span<double> sum, std::span<const std::byte> part) {
  AddBytes<double>(level, sum, part);
}

void JoinZero(CpuLevel level, std::span<float> sum) { AddZero<float>(level, sum); }

void JoinZero(CpuLevel level, std::span<double> sum) { AddZero<double>(level, sum); }

void JoinTo(CpuLevel level, std::span<float> out, std::span<const float> left, std::span<const float> right) {
  CHECK_EQ(out.size(), left.size());
  CHECK_EQ(out.size(), right.size());
  Add<float>(level, out, left.data(), right.data());
}

void JoinTo(CpuLevel level, std::span<double> out, std::span<const double> left, std::span<const double> right) {
  CHECK_EQ(out.size(), left.size());
  CHECK_EQ(out.size(), right.size());
  Add<double>(level, out, left.data(), right.data());
}

bool AllFinite(CpuLevel level, std::span<const float> values) { return Finite<float>(level, values); }

bool AllFinite(CpuLevel level, std::span<const double> values) { return Finite<double>(level, values); }

}  // namespace banyan
