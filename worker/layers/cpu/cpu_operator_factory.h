#ifndef BANYAN_WORKER_LAYERS_CPU_CPU_OPERATOR_FACTORY_H_
#define BANYAN_WORKER_LAYERS_CPU_CPU_OPERATOR_FACTORY_H_

#include "common/cpu/cpu_level.h"
#include "worker/layers/operator.h"

namespace banyan::worker {

// The shipped fp32 operators: oneDNN's products, and kernels of our own compiled for `level`.
class CpuOperatorFactory final : public OperatorFactory {
 public:
  explicit CpuOperatorFactory(CpuLevel level) : level_(level) {}

  DType real() const override { return DType::kF32; }
  absl::StatusOr<std::unique_ptr<Operator>> Make(const Graph& graph, const Layer& layer, int64_t samples) override;

 private:
  const CpuLevel level_;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_LAYERS_CPU_CPU_OPERATOR_FACTORY_H_
