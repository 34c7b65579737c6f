#ifndef BANYAN_WORKER_LAYERS_REFERENCE_REFERENCE_OPERATORS_H_
#define BANYAN_WORKER_LAYERS_REFERENCE_REFERENCE_OPERATORS_H_

#include "worker/layers/operator.h"

namespace banyan::worker {

// Every layer as its formula reads: plain loops over host memory, in fp64, parameters included. What the shipped
// operators are measured by, and what fp64 jobs run on.
class ReferenceOperatorFactory final : public OperatorFactory {
 public:
  DType real() const override { return DType::kF64; }
  absl::StatusOr<std::unique_ptr<Operator>> Make(const Graph& graph, const Layer& layer, int64_t samples) override;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_LAYERS_REFERENCE_REFERENCE_OPERATORS_H_
