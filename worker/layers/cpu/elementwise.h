#ifndef BANYAN_WORKER_LAYERS_CPU_ELEMENTWISE_H_
#define BANYAN_WORKER_LAYERS_CPU_ELEMENTWISE_H_

#include <cstdint>

#include "common/model/layer_types.h"
#include "common/cpu/cpu_level.h"

namespace banyan::worker {

// Kernels over runs and rows of floats, compiled for one instruction set level. Matrices are row-major and dense. Every
// sum over rows goes from the first to the last.
struct ElementwiseKernels {
  // out = a + b
  void (*add)(const float* a, const float* b, float* out, int64_t size);
  // out += a
  void (*accumulate)(const float* a, float* out, int64_t size);
  // out *= factor
  void (*multiply)(const float* factor, float* out, int64_t size);
  // out = a * factor, or out += a * factor
  void (*product)(const float* a, const float* factor, float* out, int64_t size, bool add);
  // y[r] += bias
  void (*add_bias)(const float* bias, float* y, int64_t rows, int64_t columns);
  // y[r] = f(y[r] + bias) and, where wanted, derivative[r] = f'(y[r] + bias). `bias` and `derivative` may be null.
  void (*activate)(Activation activation, const float* bias, float* y, float* derivative, int64_t rows,
                   int64_t columns);
  // sums = or += the sum over rows of x
  void (*column_sums)(const float* x, float* sums, int64_t rows, int64_t columns, bool add);
  // out = or += keep ? x * scale : 0
  void (*mask)(const float* x, const uint8_t* keep, float scale, float* out, int64_t size, bool add);
};

const ElementwiseKernels& ElementwiseKernelsFor(CpuLevel level);

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_LAYERS_CPU_ELEMENTWISE_H_
