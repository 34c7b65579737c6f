#include "common/job/checkpoint_tensors.h"

#include <utility>

namespace banyan {
namespace {

CheckpointTensor::Kind KindOf(ParameterKind kind) {
  switch (kind) {
    case ParameterKind::kFrozen:
      return CheckpointTensor::Kind::kFrozen;
    case ParameterKind::kStatistic:
      return CheckpointTensor::Kind::kStatistic;
    default:
      return CheckpointTensor::Kind::kTrainable;
  }
}

}  // namespace

std::vector<CheckpointTensor> CheckpointTensorsOf(const JobPlan& plan, std::span<const std::string_view> slots) {
  std::vector<CheckpointTensor> tensors;
  for (const Parameter& parameter : plan.graph.parameters) {
    CheckpointTensor tensor{.name = parameter.name, .shape = parameter.shape, .kind = KindOf(parameter.kind)};
    if (tensor.kind == CheckpointTensor::Kind::kTrainable) tensor.slots.assign(slots.begin(), slots.end());
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

}  // namespace banyan
