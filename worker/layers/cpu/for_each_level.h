// Compiles the file BANYAN_KERNELS once for each instruction set level, in the namespaces sse2, avx2 and avx512, after
// vector.inc, which gives it the level's vector type. No include guard: a source includes this once, with everything
// that the kernels need included before. Nothing of the C++ library may be called in between: an inline function of it
// would be compiled for a level that not every processor has, and the linker may keep that copy for all.
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#pragma GCC push_options
#pragma GCC target("sse2")
#define BANYAN_VECTOR_BYTES 16
namespace banyan::worker::sse2 {
#include "worker/layers/cpu/vector.inc"
#include BANYAN_KERNELS
}  // namespace banyan::worker::sse2
#undef BANYAN_VECTOR_BYTES
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,fma")
#define BANYAN_VECTOR_BYTES 32
namespace banyan::worker::avx2 {
#include "worker/layers/cpu/vector.inc"
#include BANYAN_KERNELS
}  // namespace banyan::worker::avx2
#undef BANYAN_VECTOR_BYTES
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,fma,avx512f,avx512bw,avx512cd,avx512dq,avx512vl")
#define BANYAN_VECTOR_BYTES 64
namespace banyan::worker::avx512 {
#include "worker/layers/cpu/vector.inc"
#include BANYAN_KERNELS
}  // namespace banyan::worker::avx512
#undef BANYAN_VECTOR_BYTES
#pragma GCC pop_options

// The table of a level, where each of the three namespaces has a constant `kTable`.
#define BANYAN_TABLE_FOR(level)                                    \
  ((level) == ::banyan::CpuLevel::kAvx512 ? avx512::kTable \
   : (level) == ::banyan::CpuLevel::kAvx2 ? avx2::kTable   \
                                                  : sse2::kTable)
