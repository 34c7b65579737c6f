#include "common/model/graph_builder.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status.h"

namespace banyan {

GraphBuilder::GraphBuilder(Tensor input, Tensor targets) {
  CHECK_NE(input.name, targets.name);
  names_ = {input.name, targets.name};
  graph_.tensors = {std::move(input), std::move(targets)};
  graph_.input = TensorId(0);
  graph_.targets = TensorId(1);
  read_ = {false, false};
}

absl::StatusOr<TensorId> GraphBuilder::Add(std::string name, const LayerAttributes& attributes,
                                           std::vector<TensorId> inputs,
                                           const std::vector<ParameterChoice>& parameters) {
  if (IsLoss(attributes)) {
    return absl::InvalidArgumentError(absl::StrCat(LayerTypeName(attributes), ": a loss must be the last layer"));
  }
  RETURN_IF_ERROR(AddLayer(std::move(name), attributes, std::move(inputs), parameters));
  return graph_.layers.back().outputs[0];
}

absl::StatusOr<Graph> GraphBuilder::Finish(std::string name, const LayerAttributes& loss, TensorId prediction) && {
  if (!IsLoss(loss)) {
    return absl::InvalidArgumentError(absl::StrCat(
        LayerTypeName(loss), ": the last layer must be a loss: mean_squared_error or cross_entropy"));
  }
  RETURN_IF_ERROR(AddLayer(std::move(name), loss, {prediction, graph_.targets}, {}));
  graph_.prediction = prediction;
  graph_.loss = LayerId(static_cast<uint32_t>(graph_.layers.size() - 1));
  for (size_t i = 0; i < read_.size(); ++i) {
    if (read_[i]) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("no layer reads '", graph_.tensors[i].name, "'; remove it or name it in a layer's inputs"));
  }
  return std::move(graph_);
}

absl::Status GraphBuilder::AddLayer(std::string name, const LayerAttributes& attributes, std::vector<TensorId> inputs,
                                    const std::vector<ParameterChoice>& parameters) {
  if (!names_.insert(name).second) {
    return absl::InvalidArgumentError(absl::StrCat("the name '", name, "' is taken; names of layers are unique"));
  }
  std::vector<Tensor> tensors;
  for (const TensorId input : inputs) {
    tensors.push_back(graph_.tensor(input));
    read_[input.value()] = true;
  }
  ASSIGN_OR_RETURN(const LayerDescription description, DescribeLayer(attributes, tensors));
  CHECK(parameters.empty() || parameters.size() == description.parameters.size());

  Layer layer{.name = name, .attributes = attributes, .inputs = std::move(inputs), .outputs = {}, .parameters = {}};
  for (size_t i = 0; i < description.parameters.size(); ++i) {
    const ParameterSlot& slot = description.parameters[i];
    const ParameterChoice own{absl::StrCat(name, ".", slot.suffix), slot.initializer};
    ASSIGN_OR_RETURN(const ParameterUse use, AddUse(slot, parameters.empty() ? own : parameters[i]));
    layer.parameters.push_back(use);
  }
  for (const Shape& shape : description.outputs) {
    layer.outputs.push_back(TensorId(static_cast<uint32_t>(graph_.tensors.size())));
    graph_.tensors.push_back({.name = name, .element = ElementKind::kReal, .shape = shape});
    read_.push_back(false);
  }
  graph_.layers.push_back(std::move(layer));
  return absl::OkStatus();
}

absl::StatusOr<ParameterUse> GraphBuilder::AddUse(const ParameterSlot& slot, const ParameterChoice& choice) {
  const ParameterId next(static_cast<uint32_t>(graph_.parameters.size()));
  const auto [entry, added] = parameters_.try_emplace(choice.name, next);
  if (added) {
    graph_.parameters.push_back({.name = choice.name,
                                 .shape = slot.shape,
                                 .kind = ParameterKind::kTrainable,
                                 .role = slot.role,
                                 .initializer = choice.initializer,
                                 .uses = 0});
  }
  Parameter& parameter = graph_.parameters[entry->second.value()];
  if (parameter.shape != slot.shape) {
    return absl::InvalidArgumentError(absl::StrCat("parameter '", choice.name, "' has shape ",
                                                   ShapeText(parameter.shape), ", its further use needs ",
                                                   ShapeText(slot.shape)));
  }
  return ParameterUse{.parameter = entry->second, .use = parameter.uses++};
}

}  // namespace banyan
