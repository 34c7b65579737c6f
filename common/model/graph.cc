#include "common/model/graph.h"

namespace banyan {

int64_t ElementsOf(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  return count;
}

std::string_view RoleName(ParameterRole role) {
  switch (role) {
    case ParameterRole::kWeight: return "";
    case ParameterRole::kBias: return "bias";
    case ParameterRole::kNorm: return "norm";
    case ParameterRole::kEmbedding: return "embedding";
  }
  return "";
}

std::optional<ParameterId> Graph::FindParameter(std::string_view name) const {
  for (uint32_t i = 0; i < parameters.size(); ++i) {
    if (parameters[i].name == name) return ParameterId(i);
  }
  return std::nullopt;
}

int64_t Graph::parameter_elements() const {
  int64_t count = 0;
  for (const Parameter& parameter : parameters) count += ElementsOf(parameter.shape);
  return count;
}

}  // namespace banyan
