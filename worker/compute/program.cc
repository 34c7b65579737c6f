#include "worker/compute/program.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/base/status.h"

namespace banyan::worker {

absl::StatusOr<std::unique_ptr<Program>> Program::Make(const Graph& graph, OperatorFactory& factory, int64_t samples,
                                                       Mode mode) {
  CHECK_GT(samples, 0);
  std::unique_ptr<Program> program(new Program(graph, samples, mode, factory.real()));
  for (const Layer& layer : graph.layers) {
    ASSIGN_OR_RETURN(std::unique_ptr<Operator> op, factory.Make(graph, layer, samples));
    program->steps_.push_back({.layer = &layer, .op = std::move(op)});
  }
  program->FindWantedGradients();
  program->PlanActivations();
  if (mode == Mode::kTrain) program->PlanGradients();
  program->PlanWorkspaces();
  program->plan_ = PlanMemory(program->blocks_);
  return program;
}

Program::Program(const Graph& graph, int64_t samples, Mode mode, DType real)
    : graph_(graph), samples_(samples), mode_(mode), real_(real) {}

size_t Program::AddBlock(int64_t bytes, int32_t first, int32_t last) {
  blocks_.push_back({.bytes = bytes, .first = first, .last = last});
  return blocks_.size() - 1;
}

Program::Place Program::AddPlace(DType dtype, int64_t size, int32_t first, int32_t last) {
  if (size == 0) return {};
  return {.block = AddBlock(size * SizeOf(dtype), first, last), .dtype = dtype, .size = size};
}

// A tensor's gradient is wanted where something is trained at or before the layer that makes it.
void Program::FindWantedGradients() {
  wants_gradient_.assign(graph_.tensors.size(), false);
  for (const Step& step : steps_) {
    const auto trained = [&](ParameterUse use) {
      return graph_.parameter(use.parameter).kind == ParameterKind::kTrainable;
    };
    const bool wanted = std::any_of(step.layer->parameters.begin(), step.layer->parameters.end(), trained) ||
                        std::any_of(step.layer->inputs.begin(), step.layer->inputs.end(),
                                    [&](TensorId id) { return wants_gradient_[id.value()]; });
    for (TensorId id : step.layer->outputs) wants_gradient_[id.value()] = wanted;
  }
}

// An activation lives from the layer that makes it to the last that reads it, in backward where an operator asks.
void Program::PlanActivations() {
  const auto end = static_cast<int32_t>(steps_.size());
  std::vector<int32_t> first(graph_.tensors.size(), 0);
  std::vector<int32_t> last(graph_.tensors.size(), 0);
  for (size_t i = 0; i < steps_.size(); ++i) {
    const OperatorNeeds& needs = steps_[i].op->needs();
    const int32_t forward = static_cast<int32_t>(i);
    const int32_t backward = mode_ == Mode::kTrain ? backward_moment(i) : forward;
    for (TensorId id : steps_[i].layer->outputs) {
      first[id.value()] = forward;
      last[id.value()] = std::max(forward, needs.outputs_in_backward ? backward : forward);
    }
    for (TensorId id : steps_[i].layer->inputs) {
      last[id.value()] = std::max(last[id.value()], needs.inputs_in_backward ? backward : forward);
    }
  }
  if (mode_ == Mode::kEvaluate) last[graph_.prediction.value()] = end;
  activations_.resize(graph_.tensors.size());
  for (size_t t = 0; t < graph_.tensors.size(); ++t) {
    const TensorId id(static_cast<uint32_t>(t));
    if (!external(id)) activations_[t] = AddPlace(real_, size_of(id), first[t], last[t]);
  }
  loss_place_ = AddPlace(DType::kF64, 2, end - 1, 2 * end);
}

// A gradient lives from the last of its tensor's readers to its maker: backward goes the other way.
void Program::PlanGradients() {
  std::vector<int32_t> first(graph_.tensors.size(), backward_moment(0) + 1);
  std::vector<int32_t> last(graph_.tensors.size(), 0);
  for (size_t i = 0; i < steps_.size(); ++i) {
    for (TensorId id : steps_[i].layer->outputs) last[id.value()] = backward_moment(i);
    for (TensorId id : steps_[i].layer->inputs) {
      first[id.value()] = std::min(first[id.value()], backward_moment(i));
    }
  }
  gradients_.resize(graph_.tensors.size());
  for (size_t t = 0; t < graph_.tensors.size(); ++t) {
    const TensorId id(static_cast<uint32_t>(t));
    if (wants_gradient_[t]) gradients_[t] = AddPlace(real_, size_of(id), first[t], last[t]);
  }
}

void Program::PlanWorkspaces() {
  for (size_t i = 0; i < steps_.size(); ++i) {
    const OperatorNeeds& needs = steps_[i].op->needs();
    const auto forward = static_cast<int32_t>(i);
    const int32_t backward = backward_moment(i);
    const bool train = mode_ == Mode::kTrain;
    saved_.push_back(AddPlace(DType::kU8, train ? needs.saved_bytes : 0, forward, backward));
    forward_workspace_.push_back(AddPlace(DType::kU8, needs.forward_workspace_bytes, forward, forward));
    backward_workspace_.push_back(
        AddPlace(DType::kU8, train ? needs.backward_workspace_bytes : 0, backward, backward));
  }
}

View Program::Resolve(const Buffer& arena, const Place& place) const {
  return place.size == 0 ? View() : arena.view(place.dtype, plan_.offsets[place.block], place.size);
}

void Program::Bind(const Buffer& arena) {
  loss_ = Resolve(arena, loss_place_);
  prediction_ = mode_ == Mode::kEvaluate ? Resolve(arena, activations_[graph_.prediction.value()]) : View();
  for (size_t i = 0; i < steps_.size(); ++i) BindStep(arena, i);
}

void Program::BindStep(const Buffer& arena, size_t index) {
  auto& [layer, op, forward, backward] = steps_[index];
  forward = {.mode = mode_};
  backward = {};
  for (TensorId id : layer->inputs) forward.inputs.push_back(Resolve(arena, activations_[id.value()]));
  for (TensorId id : layer->outputs) forward.outputs.push_back(Resolve(arena, activations_[id.value()]));
  forward.parameters.resize(layer->parameters.size());
  if (IsLoss(layer->attributes)) forward.loss = loss_;
  forward.saved = Resolve(arena, saved_[index]);
  forward.workspace = Resolve(arena, forward_workspace_[index]);
  if (mode_ == Mode::kEvaluate) return;

  backward.inputs = forward.inputs;
  backward.outputs.assign(forward.outputs.begin(), forward.outputs.end());
  backward.parameters.resize(layer->parameters.size());
  backward.parameter_gradients.resize(layer->parameters.size());
  for (TensorId id : layer->outputs) backward.output_gradients.push_back(Resolve(arena, gradients_[id.value()]));
  for (size_t i = 0; i < layer->inputs.size(); ++i) {
    const TensorId id = layer->inputs[i];
    backward.input_gradients.push_back(Resolve(arena, gradients_[id.value()]));
    // Added to where a later layer, or an earlier input of this one, has already written.
    bool written = std::find(layer->inputs.begin(), layer->inputs.begin() + static_cast<int64_t>(i), id) !=
                   layer->inputs.begin() + static_cast<int64_t>(i);
    for (size_t later = index + 1; later < steps_.size(); ++later) {
      const std::vector<TensorId>& inputs = steps_[later].layer->inputs;
      written = written || std::find(inputs.begin(), inputs.end(), id) != inputs.end();
    }
    backward.accumulate_inputs.push_back(written);
  }
  backward.saved = forward.saved;
  backward.workspace = Resolve(arena, backward_workspace_[index]);
}

void Program::Forward(const Piece& piece, const ConstView& input, const ConstView& targets, Weights weights,
                      Stream& stream) {
  CHECK_EQ(weights.size(), graph_.parameters.size());
  for (Step& step : steps_) {
    const Layer& layer = *step.layer;
    if (IsLoss(layer.attributes) && !targets.present()) continue;
    for (size_t i = 0; i < layer.inputs.size(); ++i) {
      if (!external(layer.inputs[i])) continue;
      const ConstView& view = layer.inputs[i] == graph_.input ? input : targets;
      CHECK_EQ(view.size(), size_of(layer.inputs[i]));
      step.forward.inputs[i] = view;
      if (mode_ == Mode::kTrain) step.backward.inputs[i] = view;
    }
    for (size_t i = 0; i < layer.parameters.size(); ++i) {
      step.forward.parameters[i] = weights[layer.parameters[i].parameter.value()];
    }
    step.op->Forward(piece, step.forward, stream);
    Count();
  }
}

void Program::Backward(const Piece& piece, Weights weights, bool accumulate, bool last, GradientSink& sink,
                       Stream& stream) {
  CHECK(mode_ == Mode::kTrain);
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    const std::vector<ParameterUse>& uses = step->layer->parameters;
    for (size_t i = 0; i < uses.size(); ++i) {
      step->backward.parameters[i] = weights[uses[i].parameter.value()];
      const Parameter& parameter = graph_.parameter(uses[i].parameter);
      if (parameter.kind != ParameterKind::kTrainable) continue;
      step->backward.parameter_gradients[i] = sink.Accumulator(uses[i]);
      CHECK_EQ(step->backward.parameter_gradients[i].size(), ElementsOf(parameter.shape));
    }
    step->backward.accumulate_parameters = accumulate;
    step->op->Backward(piece, step->backward, stream);
    Count();
    if (!last) continue;
    for (size_t i = uses.size(); i-- > 0;) {
      if (step->backward.parameter_gradients[i].present()) sink.Complete(uses[i], stream.Record());
    }
  }
}

}  // namespace banyan::worker
