#ifndef BANYAN_COMMON_MODEL_DESCRIBE_LAYER_H_
#define BANYAN_COMMON_MODEL_DESCRIBE_LAYER_H_

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/graph.h"

namespace banyan {

// A parameter as its layer's type asks for it, before the model names it.
struct ParameterSlot {
  std::string suffix;  // "weight": the parameter is called `<layer>.<suffix>` unless the model says otherwise
  Shape shape;
  ParameterRole role = ParameterRole::kWeight;
  Initializer initializer;  // that of the same layer in PyTorch
};

// A way to cut a layer over tensor-parallel ranks (Shoeybi et al. 2019, "Megatron-LM").
enum class Split {
  kColumns,  // each rank makes a part of the last dimension; parameters are cut along it; nothing is summed
  kRows,     // each rank reads a part of the last dimension (an embedding: of the vocabulary); outputs are summed
  kHeads,    // each rank computes some of the attention heads
};

// For one sample. Floating-point operations are those of matrix products, as the field counts them: 2 m n k each,
// attention over the whole square.
struct LayerCost {
  double forward_flops = 0;
  double backward_flops = 0;        // 2 * forward_flops: by the input and by the weight
  double activation_elements = 0;   // read plus written by a forward pass
  double parameter_elements = 0;    // read once a pass, however many samples it has
};

struct LayerDescription {
  std::vector<Shape> outputs;  // of one sample, all real; empty for a loss
  std::vector<ParameterSlot> parameters;
  LayerCost cost;
  std::vector<Split> splits;  // possible ones; empty: each rank computes it whole
};

// What a layer of this type makes of inputs of these shapes. INVALID_ARGUMENT when it cannot, naming the type and the
// shapes: `causal_self_attention: 5 heads do not divide width 128`.
absl::StatusOr<LayerDescription> DescribeLayer(const LayerAttributes& attributes, std::span<const Tensor> inputs);

// The same for a layer of a built graph.
LayerDescription DescribeLayer(const Graph& graph, const Layer& layer);

// Cost of all layers for one sample. A tied parameter counts at each use.
LayerCost TotalCost(const Graph& graph);

}  // namespace banyan

#endif  // BANYAN_COMMON_MODEL_DESCRIBE_LAYER_H_
