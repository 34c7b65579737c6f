#ifndef BANYAN_COMMON_CPU_RUN_AT_H_
#define BANYAN_COMMON_CPU_RUN_AT_H_

#include "common/cpu/cpu_level.h"

// What a loop's body, and every function of ours that it calls, is marked with.
#define BANYAN_INLINE inline __attribute__((always_inline))

namespace banyan {
namespace internal {

// No level names `fma`: with -ffp-contract=off it would not be used, and without it it cannot be.
template <typename Body>
__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512"))) auto RunAtAvx512(
    const Body& body) {
  return body();
}

template <typename Body>
__attribute__((target("avx2"))) auto RunAtAvx2(const Body& body) {
  return body();
}

template <typename Body>
auto RunAtSse2(const Body& body) {
  return body();
}

}  // namespace internal

// Runs `body`, compiled once for every level, at `level`, which the machine must support. A loop is written once, in
// plain C++, as
//
//   return RunAt(level, [&]() __attribute__((always_inline)) { return Loop(a, b, n); });
//
// where Loop is BANYAN_INLINE, its loops are marked `#pragma GCC ivdep` or its pointers __restrict, and its target has
// `copts = VECTOR_COPTS` (bazel:banyan.bzl).
// The compiler vectorises it but may not fuse, reorder or approximate anything, so an element-wise loop gives the same
// bits at every level (but for the payload of a NaN). Sums keep one accumulator for each of sixteen fixed lanes.
//
// Targets are function attributes: per-file -m flags would break the one-definition rule for whatever such a file
// shares with others, and resolvers (ifunc, target_clones) run before the sanitizers are up.
template <typename Body>
auto RunAt(CpuLevel level, const Body& body) {
  switch (level) {
    case CpuLevel::kAvx512:
      return internal::RunAtAvx512(body);
    case CpuLevel::kAvx2:
      return internal::RunAtAvx2(body);
    case CpuLevel::kSse2:
      break;
  }
  return internal::RunAtSse2(body);
}

}  // namespace banyan

#endif  // BANYAN_COMMON_CPU_RUN_AT_H_
