#ifndef BANYAN_WORKER_COMPUTE_GRADIENT_SINK_H_
#define BANYAN_WORKER_COMPUTE_GRADIENT_SINK_H_

#include <array>
#include <span>

#include "common/model/graph.h"
#include "worker/device/device.h"
#include "worker/device/view.h"

namespace banyan::worker {

// Where the gradients of one leaf go, a buffer for each use of each parameter that is trained. Called on the leaf's
// compute thread only.
class GradientSink {
 public:
  virtual ~GradientSink() = default;

  // {sum of losses, sum of weights} of each of the leaf's pieces, to be added in order: host memory, readable once
  // `done` has happened, which is before any gradient is complete. Called once, before the first Complete.
  virtual void Loss(std::span<const std::array<double, 2>> pieces, const Event& done) {
    (void)pieces;
    (void)done;
  }

  // Where the gradient of `use` is summed: as many elements of the operators' real type as the parameter has, on the
  // device, content undefined. Asked for in each of the leaf's pieces, just before it is written; the answer is the
  // same until Complete. Every element is written, +0 where the leaf gives it no gradient.
  virtual View Accumulator(ParameterUse use) = 0;

  // The leaf's gradient of `use` is final once `done` has happened. Uses arrive in the order of backward: layers from
  // the last to the first, a layer's parameters from its last to its first; the same in every leaf. Must not block on
  // the network: the device is idle meanwhile.
  virtual void Complete(ParameterUse use, const Event& done) = 0;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_COMPUTE_GRADIENT_SINK_H_
