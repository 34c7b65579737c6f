#include "common/model/graph.h"

namespace banyan {

int64_t ElementCount(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  return count;
}

std::string ShapeText(const Shape& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

std::optional<ParameterId> Graph::FindParameter(std::string_view name) const {
  for (uint32_t i = 0; i < parameters.size(); ++i) {
    if (parameters[i].name == name) return ParameterId(i);
  }
  return std::nullopt;
}

int64_t Graph::parameter_elements() const {
  int64_t count = 0;
  for (const Parameter& parameter : parameters) count += ElementCount(parameter.shape);
  return count;
}

}  // namespace banyan
