#include "common/model/layer_types.h"

namespace banyan {
namespace {

struct TypeName {
  const char* operator()(const LinearAttributes&) const { return "linear"; }
  const char* operator()(const EmbeddingAttributes&) const { return "embedding"; }
  const char* operator()(const LayerNormAttributes&) const { return "layer_norm"; }
  const char* operator()(const CausalSelfAttentionAttributes&) const { return "causal_self_attention"; }
  const char* operator()(const DropoutAttributes&) const { return "dropout"; }
  const char* operator()(const AddAttributes&) const { return "add"; }
  const char* operator()(const CrossEntropyAttributes&) const { return "cross_entropy"; }
  const char* operator()(const MeanSquaredErrorAttributes&) const { return "mean_squared_error"; }
  const char* operator()(const ActivationAttributes& attributes) const {
    switch (attributes.activation) {
      case Activation::kNone: return "none";
      case Activation::kRelu: return "relu";
      case Activation::kGeluTanh: return "gelu";
      case Activation::kTanh: return "tanh";
      case Activation::kSigmoid: return "sigmoid";
    }
    return "activation";
  }
};

}  // namespace

const char* LayerTypeName(const LayerAttributes& attributes) { return std::visit(TypeName(), attributes); }

bool IsLoss(const LayerAttributes& attributes) {
  return std::holds_alternative<CrossEntropyAttributes>(attributes) ||
         std::holds_alternative<MeanSquaredErrorAttributes>(attributes);
}

}  // namespace banyan
