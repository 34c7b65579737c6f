#include "worker/layers/cpu/cpu_operator_factory.h"

#include <variant>

#include "worker/layers/cpu/cpu_operators.h"

namespace banyan::worker {
namespace {

struct Maker {
  const CpuOperatorSpec& spec;

  MadeOperator operator()(const LinearAttributes& a) const { return MakeLinear(spec, a); }
  MadeOperator operator()(const EmbeddingAttributes& a) const { return MakeEmbedding(spec, a); }
  MadeOperator operator()(const LayerNormAttributes& a) const { return MakeLayerNorm(spec, a); }
  MadeOperator operator()(const CausalSelfAttentionAttributes& a) const { return MakeAttention(spec, a); }
  MadeOperator operator()(const DropoutAttributes& a) const { return MakeDropout(spec, a); }
  MadeOperator operator()(const ActivationAttributes& a) const { return MakeActivation(spec, a); }
  MadeOperator operator()(const AddAttributes&) const { return MakeAdd(spec); }
  MadeOperator operator()(const CrossEntropyAttributes&) const { return MakeCrossEntropy(spec); }
  MadeOperator operator()(const MeanSquaredErrorAttributes&) const { return MakeMeanSquaredError(spec); }
};

}  // namespace

absl::StatusOr<std::unique_ptr<Operator>> CpuOperatorFactory::Make(const Graph& graph, const Layer& layer,
                                                                   int64_t samples) {
  const CpuOperatorSpec spec = {.level = level_, .graph = &graph, .layer = &layer, .samples = samples};
  return std::visit(Maker{spec}, layer.attributes);
}

}  // namespace banyan::worker
