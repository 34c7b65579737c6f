#include "common/model/describe_layer.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status.h"

namespace banyan {
namespace {

using Inputs = std::span<const Tensor>;

// One of the describers below a type; each may count on the number of inputs and on real ones, see kSignatures.
absl::Status Refuse(const LayerAttributes& type, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat(LayerTypeName(type), ": ", why));
}

int64_t Rows(const Shape& shape) { return ElementsOf(shape) / shape.back(); }

struct Describer {
  Inputs inputs;

  const Shape& x() const { return inputs[0].shape; }

  absl::StatusOr<LayerDescription> operator()(const LinearAttributes& linear) const {
    if (linear.units < 1) return Refuse(linear, absl::StrCat(linear.units, " units, expected at least 1"));
    const int64_t in = x().back();
    Shape y = x();
    y.back() = linear.units;
    // torch.nn.Linear: uniform in +-1/sqrt(in), the bias too.
    const UniformInitializer uniform{1 / std::sqrt(static_cast<double>(in))};
    const bool in_out = linear.weight_layout == WeightLayout::kInOut;
    LayerDescription layer;
    layer.outputs = {y};
    layer.parameters = {{"weight", in_out ? Shape{in, linear.units} : Shape{linear.units, in},
                         ParameterRole::kWeight, uniform}};
    if (linear.bias) layer.parameters.push_back({"bias", {linear.units}, ParameterRole::kBias, uniform});
    layer.cost.forward_flops = 2.0 * static_cast<double>(ElementsOf(y)) * static_cast<double>(in);
    layer.splits = {Split::kColumns, Split::kRows};
    return layer;
  }

  absl::StatusOr<LayerDescription> operator()(const EmbeddingAttributes& embedding) const {
    if (embedding.vocabulary < 1 || embedding.width < 1) {
      return Refuse(embedding, absl::StrCat("table of [", embedding.vocabulary, ", ", embedding.width,
                                            "], expected at least [1, 1]"));
    }
    if (x().size() != 1) return Refuse(embedding, absl::StrCat("input ", ShapeText(x()), ", expected [context]"));
    const NormalInitializer normal{1};  // torch.nn.Embedding
    LayerDescription layer;
    layer.outputs = {{x()[0], embedding.width}};
    layer.parameters = {{"token", {embedding.vocabulary, embedding.width}, ParameterRole::kEmbedding, normal},
                        {"position", {x()[0], embedding.width}, ParameterRole::kEmbedding, normal}};
    layer.splits = {Split::kRows};
    return layer;
  }

  absl::StatusOr<LayerDescription> operator()(const LayerNormAttributes& norm) const {
    if (!(norm.epsilon > 0)) return Refuse(norm, absl::StrCat("epsilon ", norm.epsilon, ", expected more than 0"));
    LayerDescription layer = SameShape();
    layer.parameters = {{"weight", {x().back()}, ParameterRole::kNorm, ConstantInitializer{1}},
                        {"bias", {x().back()}, ParameterRole::kNorm, ConstantInitializer{0}}};
    return layer;
  }

  absl::StatusOr<LayerDescription> operator()(const CausalSelfAttentionAttributes& attention) const {
    if (x().size() != 2 || x()[1] % 3 != 0) {
      return Refuse(attention, absl::StrCat("input ", ShapeText(x()), ", expected [context, 3 * width]"));
    }
    const int64_t context = x()[0];
    const int64_t width = x()[1] / 3;
    if (attention.heads < 1 || width % attention.heads != 0) {
      return Refuse(attention, absl::StrCat(attention.heads, " heads do not divide width ", width));
    }
    RETURN_IF_ERROR(CheckRate(attention, attention.dropout));
    LayerDescription layer;
    layer.outputs = {{context, width}};
    // Scores, and the values weighted by them.
    layer.cost.forward_flops = 4.0 * static_cast<double>(context) * static_cast<double>(context * width);
    layer.splits = {Split::kHeads};
    return layer;
  }

  absl::StatusOr<LayerDescription> operator()(const DropoutAttributes& dropout) const {
    RETURN_IF_ERROR(CheckRate(dropout, dropout.rate));
    return Elementwise();
  }

  absl::StatusOr<LayerDescription> operator()(const ActivationAttributes&) const { return Elementwise(); }

  absl::StatusOr<LayerDescription> operator()(const AddAttributes& add) const {
    if (inputs[1].shape != x()) {
      return Refuse(add, absl::StrCat("inputs ", ShapeText(x()), " and ", ShapeText(inputs[1].shape),
                                      ", expected one shape"));
    }
    return Elementwise();
  }

  absl::StatusOr<LayerDescription> operator()(const CrossEntropyAttributes& loss) const {
    const int64_t targets = ElementsOf(inputs[1].shape);
    if (targets != Rows(x())) {
      return Refuse(loss, absl::StrCat("logits ", ShapeText(x()), " need ", Rows(x()),
                                       " targets a sample, the data has ", targets));
    }
    LayerDescription layer;
    layer.splits = {Split::kColumns};
    return layer;
  }

  absl::StatusOr<LayerDescription> operator()(const MeanSquaredErrorAttributes& loss) const {
    if (inputs[1].shape != x()) {
      return Refuse(loss, absl::StrCat("prediction ", ShapeText(x()), " and targets ", ShapeText(inputs[1].shape),
                                       ", expected one shape"));
    }
    return LayerDescription();
  }

 private:
  LayerDescription SameShape() const {
    LayerDescription layer;
    layer.outputs = {x()};
    return layer;
  }

  LayerDescription Elementwise() const {
    LayerDescription layer = SameShape();
    layer.splits = {Split::kColumns};
    return layer;
  }

  static absl::Status CheckRate(const LayerAttributes& type, double rate) {
    if (rate >= 0 && rate < 1) return absl::OkStatus();
    return Refuse(type, absl::StrCat("dropout rate ", rate, ", expected at least 0 and less than 1"));
  }
};

// Number and kinds of the inputs.
absl::Status CheckInputs(const LayerAttributes& attributes, Inputs inputs) {
  const bool two = IsLoss(attributes) || std::holds_alternative<AddAttributes>(attributes);
  const size_t expected = two ? 2 : 1;
  if (inputs.size() != expected) {
    return Refuse(attributes, absl::StrCat(inputs.size(), " inputs, expected ", expected));
  }
  for (size_t i = 0; i < expected; ++i) {
    const bool index = std::holds_alternative<EmbeddingAttributes>(attributes) ||
                       (std::holds_alternative<CrossEntropyAttributes>(attributes) && i == 1);
    if (inputs[i].element != (index ? ElementKind::kIndex : ElementKind::kReal)) {
      return Refuse(attributes, absl::StrCat("input '", inputs[i].name, "' holds ", index ? "numbers" : "indices",
                                             ", expected ", index ? "indices" : "numbers"));
    }
    if (!index && inputs[i].shape.empty()) {
      return Refuse(attributes, absl::StrCat("input '", inputs[i].name, "' has no dimension, expected at least one"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LayerDescription> DescribeLayer(const LayerAttributes& attributes, std::span<const Tensor> inputs) {
  RETURN_IF_ERROR(CheckInputs(attributes, inputs));
  ASSIGN_OR_RETURN(LayerDescription layer, std::visit(Describer{inputs}, attributes));
  LayerCost& cost = layer.cost;
  cost.backward_flops = 2 * cost.forward_flops;
  for (const Tensor& input : inputs) cost.activation_elements += static_cast<double>(ElementsOf(input.shape));
  for (const Shape& output : layer.outputs) cost.activation_elements += static_cast<double>(ElementsOf(output));
  for (const ParameterSlot& slot : layer.parameters) {
    cost.parameter_elements += static_cast<double>(ElementsOf(slot.shape));
  }
  return layer;
}

LayerDescription DescribeLayer(const Graph& graph, const Layer& layer) {
  std::vector<Tensor> inputs;
  for (const TensorId input : layer.inputs) inputs.push_back(graph.tensor(input));
  absl::StatusOr<LayerDescription> description = DescribeLayer(layer.attributes, inputs);
  CHECK(description.ok());
  return *std::move(description);
}

LayerCost TotalCost(const Graph& graph) {
  LayerCost total;
  for (const Layer& layer : graph.layers) {
    const LayerCost cost = DescribeLayer(graph, layer).cost;
    total.forward_flops += cost.forward_flops;
    total.backward_flops += cost.backward_flops;
    total.activation_elements += cost.activation_elements;
    total.parameter_elements += cost.parameter_elements;
  }
  return total;
}

}  // namespace banyan
