#include "server/ledger/gate_tensors.h"

#include <utility>

namespace banyan::server {

std::vector<GateTensor> GateTensorsOf(const JobPlan& plan) {
  std::vector<GateTensor> tensors;
  for (uint32_t i = 0; i < plan.graph.parameters.size(); ++i) {
    if (plan.graph.parameters[i].kind != ParameterKind::kTrainable) continue;
    GateTensor tensor{.name = plan.graph.parameters[i].name};
    for (const SegmentPlace& place : plan.layout.SegmentsOf(ParameterId(i))) {
      tensor.segments.push_back({.chunk = place.chunk, .index = place.segment});
    }
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

}  // namespace banyan::server
