#ifndef BANYAN_WORKER_LAYERS_CPU_CPU_OPERATORS_H_
#define BANYAN_WORKER_LAYERS_CPU_CPU_OPERATORS_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "common/model/graph.h"
#include "common/cpu/cpu_level.h"
#include "worker/layers/operator.h"

namespace banyan::worker {

// What every fp32 operator of the CPU is made from.
struct CpuOperatorSpec {
  CpuLevel level = CpuLevel::kSse2;
  const Graph* graph = nullptr;
  const Layer* layer = nullptr;
  int64_t samples = 0;

  const Tensor& input(size_t i) const { return graph->tensor(layer->inputs[i]); }
  const Tensor& output(size_t i) const { return graph->tensor(layer->outputs[i]); }
  // Elements of the piece's input i; its last dimension; the rows that this makes.
  int64_t input_size(size_t i) const { return samples * ElementsOf(input(i).shape); }
  int64_t columns(size_t i) const { return input(i).shape.empty() ? 1 : input(i).shape.back(); }
  int64_t rows(size_t i) const { return input_size(i) / columns(i); }
};

using MadeOperator = absl::StatusOr<std::unique_ptr<Operator>>;

MadeOperator MakeLinear(const CpuOperatorSpec& spec, const LinearAttributes& attributes);
MadeOperator MakeEmbedding(const CpuOperatorSpec& spec, const EmbeddingAttributes& attributes);
MadeOperator MakeLayerNorm(const CpuOperatorSpec& spec, const LayerNormAttributes& attributes);
MadeOperator MakeAttention(const CpuOperatorSpec& spec, const CausalSelfAttentionAttributes& attributes);
MadeOperator MakeDropout(const CpuOperatorSpec& spec, const DropoutAttributes& attributes);
MadeOperator MakeActivation(const CpuOperatorSpec& spec, const ActivationAttributes& attributes);
MadeOperator MakeAdd(const CpuOperatorSpec& spec);
MadeOperator MakeCrossEntropy(const CpuOperatorSpec& spec);
MadeOperator MakeMeanSquaredError(const CpuOperatorSpec& spec);

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_LAYERS_CPU_CPU_OPERATORS_H_
