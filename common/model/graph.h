#ifndef BANYAN_COMMON_MODEL_GRAPH_H_
#define BANYAN_COMMON_MODEL_GRAPH_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/strong_id.h"
#include "common/model/layer_types.h"
#include "common/tensor/shape.h"

namespace banyan {

// Indices into the vectors of one Graph.
using TensorId = StrongId<struct TensorIdTag, uint32_t>;
using ParameterId = StrongId<struct ParameterIdTag, uint32_t>;
using LayerId = StrongId<struct LayerIdTag, uint32_t>;

// Elements of a shape in a graph: no extent is zero, the product fits. (Shapes from outside: ElementCount of shape.h.)
int64_t ElementsOf(const Shape& shape);

// What an element is. Its bytes follow from the recipe's precision, which is no part of the graph.
enum class ElementKind {
  kReal,
  kIndex,  // a token or a class, 0 .. vocabulary - 1; int32 in memory
};

// An activation. Its gradient, where it has one, has the same shape.
struct Tensor {
  std::string name;  // of the layer that makes it, or of the graph's input; unique
  ElementKind element = ElementKind::kReal;
  Shape shape;  // of one sample; a batch is one more dimension in front
};

enum class ParameterKind {
  kTrainable,
  kStatistic,  // changed by sums that travel up the tree, not by gradients
  kFrozen,     // no gradient, no tree
  kSparse,     // rows by 64-bit key
};

// What no_decay names.
enum class ParameterRole { kWeight, kBias, kNorm, kEmbedding };

// "bias", "norm", "embedding", as no_decay writes them; empty for a weight.
std::string_view RoleName(ParameterRole role);

struct ConstantInitializer {
  double value = 0;
};
struct NormalInitializer {
  double stddev = 1;  // mean 0
};
struct UniformInitializer {
  double limit = 1;  // [-limit, limit)
};
using Initializer = std::variant<ConstantInitializer, NormalInitializer, UniformInitializer>;

struct Parameter {
  std::string name;  // as in the Hugging Face checkpoint of the same model; unique
  Shape shape;
  ParameterKind kind = ParameterKind::kTrainable;
  ParameterRole role = ParameterRole::kWeight;
  Initializer initializer;
  // Places in the graph that use it: 2 for tied embeddings. Each has a gradient tree of its own.
  uint32_t uses = 0;
};

// Use number `use` of a parameter, counted from 0 in the order of the graph's layers.
struct ParameterUse {
  ParameterId parameter;
  uint32_t use = 0;

  friend auto operator<=>(const ParameterUse&, const ParameterUse&) = default;
};

struct Layer {
  std::string name;  // unique; keys the layer's randomness
  LayerAttributes attributes;
  std::vector<TensorId> inputs;
  std::vector<TensorId> outputs;         // empty for a loss
  std::vector<ParameterUse> parameters;  // in the fixed order of the layer's type
};

// A model, its loss included: what is trained, without a word on where. Every layer stands after those whose outputs it
// reads. Backward runs the layers from last to first and hands over a layer's gradients from its last parameter to its
// first. Made by GraphBuilder, which checks all this; immutable afterwards.
//
// Room for what comes: a pipeline cut is a list of LayerIds where stages begin, and the tensors that cross it follow
// from `inputs`; a tensor-parallel rank's graph is this one with the sizes that Split (describe_layer.h) names divided;
// statistics and sparse tables are parameters of another kind.
struct Graph {
  std::vector<Tensor> tensors;
  std::vector<Parameter> parameters;  // in the order of first use
  std::vector<Layer> layers;

  TensorId input;       // what the data gives: `tokens` [context] or `features` [features]
  TensorId targets;     // `targets`: the next tokens [context], or [targets] of the table
  TensorId prediction;  // what the loss compares with the targets: logits, or the regression's value
  LayerId loss;         // the last layer

  const Tensor& tensor(TensorId id) const { return tensors[id.value()]; }
  const Parameter& parameter(ParameterId id) const { return parameters[id.value()]; }
  const Layer& layer(LayerId id) const { return layers[id.value()]; }

  std::optional<ParameterId> FindParameter(std::string_view name) const;
  // Elements of all parameters, a tied one counted once.
  int64_t parameter_elements() const;
};

}  // namespace banyan

#endif  // BANYAN_COMMON_MODEL_GRAPH_H_
