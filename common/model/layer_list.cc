#include "common/model/layer_list.h"

#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/model/graph_builder.h"
#include "proto/job.pb.h"

namespace banyan {
namespace {

constexpr char kFeatures[] = "features";

std::string Path(int position) { return absl::StrCat("recipe.model.layers[", position, "]"); }

// No value: the layer has no type.
std::optional<LayerAttributes> Attributes(const v1::Layer& layer) {
  switch (layer.type_case()) {
    case v1::Layer::kLinear:
      CHECK(layer.linear().has_bias());  // defaults are filled in
      return LinearAttributes{.units = layer.linear().units(), .bias = layer.linear().bias()};
    case v1::Layer::kRelu: return ActivationAttributes{Activation::kRelu};
    case v1::Layer::kGelu: return ActivationAttributes{Activation::kGeluTanh};
    case v1::Layer::kTanh: return ActivationAttributes{Activation::kTanh};
    case v1::Layer::kSigmoid: return ActivationAttributes{Activation::kSigmoid};
    case v1::Layer::kDropout: return DropoutAttributes{.rate = layer.dropout().rate()};
    case v1::Layer::kLayerNorm: return LayerNormAttributes{.epsilon = layer.layer_norm().epsilon()};
    case v1::Layer::kAdd: return AddAttributes();
    case v1::Layer::kMeanSquaredError: return MeanSquaredErrorAttributes();
    case v1::Layer::kCrossEntropy: return CrossEntropyAttributes();
    case v1::Layer::TYPE_NOT_SET: break;
  }
  return std::nullopt;
}

class ListBuilder {
 public:
  ListBuilder(const v1::LayerList& list, const DataFacts& data, bool classes)
      : list_(list),
        builder_({.name = kFeatures, .element = ElementKind::kReal, .shape = {data.features}},
                 {.name = "targets",
                  .element = classes ? ElementKind::kIndex : ElementKind::kReal,
                  .shape = {data.targets}}),
        last_(builder_.input()) {
    outputs_[kFeatures] = builder_.input();
  }

  absl::StatusOr<Graph> Build() && {
    const int loss = list_.layer_size() - 1;
    for (int i = 0; i < loss; ++i) {
      absl::Status added = Add(i);
      if (!added.ok()) return Annotate(added, Path(i));
    }
    absl::StatusOr<Graph> graph = Finish(loss);
    if (!graph.ok()) return Annotate(graph.status(), Path(loss));
    return graph;
  }

 private:
  absl::Status Add(int position) {
    const v1::Layer& layer = list_.layer(position);
    ASSIGN_OR_RETURN(const LayerAttributes attributes, Type(layer));
    ASSIGN_OR_RETURN(std::vector<TensorId> inputs, Inputs(layer));
    const std::string name = Name(layer, attributes, position);
    ASSIGN_OR_RETURN(last_, builder_.Add(name, attributes, std::move(inputs)));
    outputs_[name] = last_;
    return absl::OkStatus();
  }

  absl::StatusOr<Graph> Finish(int position) {
    const v1::Layer& layer = list_.layer(position);
    ASSIGN_OR_RETURN(const LayerAttributes attributes, Type(layer));
    ASSIGN_OR_RETURN(const std::vector<TensorId> inputs, Inputs(layer));
    if (inputs.size() != 1) {
      return absl::InvalidArgumentError(absl::StrCat(LayerTypeName(attributes), ": ", inputs.size(),
                                                     " inputs, expected 1 beside the data's targets"));
    }
    return std::move(builder_).Finish(Name(layer, attributes, position), attributes, inputs[0]);
  }

  static absl::StatusOr<LayerAttributes> Type(const v1::Layer& layer) {
    const std::optional<LayerAttributes> attributes = Attributes(layer);
    if (!attributes.has_value()) return absl::InvalidArgumentError("no type, expected one such as linear or relu");
    return *attributes;
  }

  static std::string Name(const v1::Layer& layer, const LayerAttributes& attributes, int position) {
    return layer.has_name() ? layer.name() : absl::StrCat(LayerTypeName(attributes), position);
  }

  absl::StatusOr<std::vector<TensorId>> Inputs(const v1::Layer& layer) const {
    if (layer.inputs().empty()) return std::vector<TensorId>{last_};
    std::vector<TensorId> inputs;
    for (const std::string& name : layer.inputs()) {
      const auto found = outputs_.find(name);
      if (found == outputs_.end()) {
        return absl::InvalidArgumentError(
            absl::StrCat("inputs: no layer '", name, "' before this one; name an earlier layer or '", kFeatures, "'"));
      }
      inputs.push_back(found->second);
    }
    return inputs;
  }

  const v1::LayerList& list_;
  GraphBuilder builder_;
  TensorId last_;
  std::unordered_map<std::string, TensorId> outputs_;  // by layer's name
};

}  // namespace

absl::StatusOr<Graph> BuildLayerList(const v1::LayerList& list, const DataFacts& data) {
  if (data.features == 0) {
    return absl::InvalidArgumentError(
        "recipe.model.layers: the list reads features, the data has none; use recipe.data.table or "
        "synthetic_regression, or recipe.model.gpt for text");
  }
  if (list.layer().empty()) return absl::InvalidArgumentError("recipe.model.layers: no layers, expected at least one");
  const bool classes = list.layer(list.layer_size() - 1).has_cross_entropy();
  return ListBuilder(list, data, classes).Build();
}

}  // namespace banyan
