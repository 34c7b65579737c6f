#ifndef BANYAN_WORKER_LAYERS_CPU_ATTENTION_H_
#define BANYAN_WORKER_LAYERS_CPU_ATTENTION_H_

#include <cstdint>

#include "common/cpu/cpu_level.h"

namespace banyan::worker {

// Causal attention of one head over one sample, for one instruction set level: y = dropout(softmax(q k' * scale)) v.
// The scores are made a few rows at a time and never stored whole; blocks above the diagonal are skipped; backward
// makes the softmax again from its statistics, as in FlashAttention (Dao et al. 2022). All operands of a head, packed
// with their rows padded to whole vectors, are meant to stay inside a core's L2 cache.
struct AttentionHead {
  int64_t context = 0;  // rows
  int64_t width = 0;    // of the head
  float scale = 1;
  // Rows of q, k, v and their gradients stand `stride` floats apart, those of y and dy `y_stride`.
  int64_t stride = 0;
  int64_t y_stride = 0;
  const float* q = nullptr;
  const float* k = nullptr;
  const float* v = nullptr;
  // [context, context], and kKeepPadding bytes behind: 1 for the weights that dropout keeps, which are then multiplied
  // by keep_scale, else 0. Entries above the diagonal may be anything. Null: no dropout.
  const uint8_t* keep = nullptr;
  float keep_scale = 1;
  // [context, 2]: the scaled scores' maximum and 1 / sum of the row. Written by forward, read by backward.
  float* statistics = nullptr;
  float* workspace = nullptr;

  float* y = nullptr;         // forward writes it
  const float* dy = nullptr;  // backward reads it, and writes or (add) adds to the three:
  float* dq = nullptr;
  float* dk = nullptr;
  float* dv = nullptr;
  bool add = false;
};

inline constexpr int64_t kKeepPadding = 16;

struct AttentionKernels {
  void (*forward)(const AttentionHead& head);
  void (*backward)(const AttentionHead& head);
  // Floats of workspace that each wants.
  int64_t (*forward_workspace)(int64_t context, int64_t width);
  int64_t (*backward_workspace)(int64_t context, int64_t width);
};

const AttentionKernels& AttentionKernelsFor(CpuLevel level);

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_LAYERS_CPU_ATTENTION_H_
