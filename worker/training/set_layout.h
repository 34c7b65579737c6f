#ifndef BANYAN_WORKER_TRAINING_SET_LAYOUT_H_
#define BANYAN_WORKER_TRAINING_SET_LAYOUT_H_

#include <cstddef>
#include <vector>

#include "common/model/chunk_layout.h"
#include "common/model/graph.h"
#include "worker/training/gradient_reducer.h"

namespace banyan::worker {

// How a gradient set holds the gradients of one leaf: each use of each parameter that has one contiguous, in the order of
// the parameters, at a multiple of 64 bytes.
struct SetLayout {
  GradientLayout gradients;                  // by window position
  std::vector<std::vector<size_t>> offsets;  // [parameter][use], in floats

  size_t OffsetOf(ParameterUse use) const { return offsets[use.parameter.value()][use.use]; }

  static SetLayout Make(const Graph& graph, const ChunkLayout& chunks);
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_TRAINING_SET_LAYOUT_H_
