#include "worker/compute/lane.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/base/status.h"

namespace banyan::worker {

absl::StatusOr<std::unique_ptr<Lane>> Lane::Create(const Graph& graph, Device& device, OperatorFactory& factory,
                                                   const Options& options) {
  CHECK_GE(options.micro, 0);
  std::unique_ptr<Lane> lane(new Lane(graph, device, factory, options));
  ASSIGN_OR_RETURN(lane->stream_, device.NewStream());
  return lane;
}

int64_t Lane::PieceSamples(int64_t leaf_samples) const {
  return options_.micro == 0 ? leaf_samples : std::min(options_.micro, leaf_samples);
}

absl::Status Lane::Prepare(int64_t samples, Mode mode) {
  CHECK_GT(samples, 0);
  const int64_t piece = PieceSamples(samples);
  RETURN_IF_ERROR(ProgramFor(piece, mode).status());
  if (samples % piece != 0) RETURN_IF_ERROR(ProgramFor(samples % piece, mode).status());
  const auto pieces = static_cast<size_t>((samples + piece - 1) / piece);
  if (losses_.size() < pieces) losses_.resize(pieces);
  return absl::OkStatus();
}

absl::StatusOr<Program*> Lane::ProgramFor(int64_t samples, Mode mode) {
  std::unique_ptr<Program>& program = programs_[{samples, mode}];
  if (program != nullptr) return program.get();
  ASSIGN_OR_RETURN(auto made, Program::Make(graph_, factory_, samples, mode));
  if (arenas_.empty() || arenas_.back().size_bytes() < made->arena_bytes()) {
    ASSIGN_OR_RETURN(Buffer arena, device_.Allocate(made->arena_bytes()));
    arenas_.push_back(std::move(arena));
  }
  made->Bind(arenas_.back());
  made->CountIn(&layers_run_);
  program = std::move(made);
  return program.get();
}

absl::StatusOr<LeafLoss> Lane::Train(const LeafData& leaf, Weights weights, GradientSink& sink) {
  return Run(leaf, weights, Mode::kTrain, &sink);
}

absl::StatusOr<LeafLoss> Lane::Evaluate(const LeafData& leaf, Weights weights) {
  return Run(leaf, weights, Mode::kEvaluate, nullptr);
}

absl::StatusOr<LeafLoss> Lane::Run(const LeafData& leaf, Weights weights, Mode mode, GradientSink* sink) {
  RETURN_IF_ERROR(Prepare(leaf.samples, mode));
  const int64_t inputs = leaf.input.size() / leaf.samples;
  const int64_t targets = leaf.targets.size() / leaf.samples;
  size_t pieces = 0;
  for (int64_t begin = 0; begin < leaf.samples; ++pieces) {
    const int64_t samples = std::min(PieceSamples(leaf.samples), leaf.samples - begin);
    ASSIGN_OR_RETURN(Program * program, ProgramFor(samples, mode));
    const Piece piece = {.key = leaf.key, .first_sample = leaf.first_sample + begin};
    program->Forward(piece, leaf.input.Slice(begin * inputs, samples * inputs),
                     leaf.targets.Slice(begin * targets, samples * targets), weights, *stream_);
    stream_->Copy(program->loss(), ViewOf(losses_[pieces].data(), 2));
    if (sink != nullptr) {
      const bool last = begin + samples == leaf.samples;
      if (last) sink->Loss(std::span(losses_).first(pieces + 1), stream_->Record());
      program->Backward(piece, weights, begin > 0, last, *sink, *stream_);
    }
    begin += samples;
  }
  RETURN_IF_ERROR(stream_->Synchronize());
  LeafLoss loss;
  for (size_t i = 0; i < pieces; ++i) {
    loss.sum += losses_[i][0];
    loss.weight += losses_[i][1];
  }
  return loss;
}

absl::StatusOr<ConstView> Lane::Predict(const ConstView& input, int64_t samples, Weights weights) {
  ASSIGN_OR_RETURN(Program * program, ProgramFor(samples, Mode::kEvaluate));
  program->Forward(Piece(), input, ConstView(), weights, *stream_);
  RETURN_IF_ERROR(stream_->Synchronize());
  return program->prediction();
}

int64_t Lane::memory_bytes() const {
  int64_t bytes = 0;
  for (const Buffer& arena : arenas_) bytes += arena.size_bytes();
  return bytes;
}

}  // namespace banyan::worker
