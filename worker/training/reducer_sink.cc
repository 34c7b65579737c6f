#include "worker/training/reducer_sink.h"

namespace banyan::worker {

void ReducerSink::Loss(std::span<const std::array<double, 2>> pieces, const Event& done) {
  done.Wait();
  run_->loss = 0;
  run_->weight = 0;
  for (const auto& [loss, weight] : pieces) {
    run_->loss += loss;
    run_->weight += weight;
  }
}

View ReducerSink::Accumulator(ParameterUse use) {
  return ViewOf(run_->set->floats().data() + layout_.OffsetOf(use), ElementsOf(graph_.parameter(use.parameter).shape));
}

void ReducerSink::Complete(ParameterUse use, const Event& done) {
  done.Wait();
  for (const ChunkUse& chunk_use : chunks_.CompletedBy(use)) reducer_.Deliver(*run_, chunks_.PositionOf(chunk_use));
}

}  // namespace banyan::worker
