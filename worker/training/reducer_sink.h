#ifndef BANYAN_WORKER_TRAINING_REDUCER_SINK_H_
#define BANYAN_WORKER_TRAINING_REDUCER_SINK_H_

#include "common/model/chunk_layout.h"
#include "common/model/graph.h"
#include "worker/compute/gradient_sink.h"
#include "worker/training/gradient_reducer.h"
#include "worker/training/set_layout.h"

namespace banyan::worker {

// Takes a leaf's gradients from a lane to the reducer: a chunk goes up the tree as soon as backward has completed it, on
// the thread that computed it. One for each lane; allocates nothing. Of a device whose memory the host reads.
class ReducerSink final : public GradientSink {
 public:
  // All outlive the sink.
  ReducerSink(const Graph& graph, const ChunkLayout& chunks, const SetLayout& layout, GradientReducer& reducer)
      : graph_(graph), chunks_(chunks), layout_(layout), reducer_(reducer) {}

  // The leaf whose gradients come next. `run` lasts until they are complete.
  void Begin(LeafRun& run) { run_ = &run; }

  void Loss(std::span<const std::array<double, 2>> pieces, const Event& done) override;
  View Accumulator(ParameterUse use) override;
  void Complete(ParameterUse use, const Event& done) override;

 private:
  const Graph& graph_;
  const ChunkLayout& chunks_;
  const SetLayout& layout_;
  GradientReducer& reducer_;
  LeafRun* run_ = nullptr;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_TRAINING_REDUCER_SINK_H_
