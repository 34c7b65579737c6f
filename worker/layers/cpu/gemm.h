#ifndef BANYAN_WORKER_LAYERS_CPU_GEMM_H_
#define BANYAN_WORKER_LAYERS_CPU_GEMM_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "common/cpu/cpu_level.h"

namespace banyan::worker {

// C [m, n] = or (add) += A [m, k] B [k, n], all dense and row-major; a transposed operand is stored as [k, m] or [n, k].
struct GemmShape {
  bool transpose_a = false;
  bool transpose_b = false;
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
};

// A product of one shape by oneDNN on the calling thread. Which of oneDNN's forms computes it is read from a table of
// (level, shape), made once from timings: part of the device kind, never chosen at run time. Used by one thread at a
// time; Run allocates nothing of ours.
class Gemm {
 public:
  virtual ~Gemm() = default;

  virtual void Run(const float* a, const float* b, float* c, bool add) = 0;
};

absl::StatusOr<std::unique_ptr<Gemm>> MakeGemm(CpuLevel level, const GemmShape& shape);

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_LAYERS_CPU_GEMM_H_
