#ifndef BANYAN_WORKER_LAYERS_CPU_ROWWISE_H_
#define BANYAN_WORKER_LAYERS_CPU_ROWWISE_H_

#include <cstdint>

#include "common/cpu/cpu_level.h"

namespace banyan::worker {

// Kernels that reduce along rows, compiled for one instruction set level: layer norm (Ba, Kiros and Hinton 2016) and
// softmax. Matrices are [rows, columns], row-major and dense.
struct RowwiseKernels {
  // y = (x - mean) / sqrt(variance + epsilon) * weight + bias. `statistics`, if not null, gets {mean, 1 / deviation} of
  // each row.
  void (*layer_norm)(const float* x, const float* weight, const float* bias, float epsilon, float* y, float* statistics,
                     int64_t rows, int64_t columns);
  // dx = or += (add_dx) the gradient; null where not wanted. dweight, dbias += their gradients, row after row.
  void (*layer_norm_backward)(const float* x, const float* dy, const float* weight, const float* statistics, float* dx,
                              bool add_dx, float* dweight, float* dbias, int64_t rows, int64_t columns);
  // {maximum, sum of e^(x - maximum)} of each row.
  void (*softmax_statistics)(const float* x, float* statistics, int64_t rows, int64_t columns);
  // dx = or += softmax(x) - onehot(target)
  void (*cross_entropy_backward)(const float* x, const int32_t* targets, const float* statistics, float* dx, bool add,
                                 int64_t rows, int64_t columns);
};

const RowwiseKernels& RowwiseKernelsFor(CpuLevel level);

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_LAYERS_CPU_ROWWISE_H_
