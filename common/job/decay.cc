#include "common/job/decay.h"

#include "absl/strings/str_cat.h"
#include "common/optimizer/decay_filter.h"

namespace banyan {
namespace {

bool IsRole(std::string_view entry) {
  return entry == RoleName(ParameterRole::kBias) || entry == RoleName(ParameterRole::kNorm) ||
         entry == RoleName(ParameterRole::kEmbedding);
}

}  // namespace

absl::StatusOr<std::vector<bool>> DecayFlags(const Graph& graph, std::span<const std::string> no_decay,
                                             std::string_view path) {
  std::vector<bool> decays(graph.parameters.size(), true);
  for (size_t entry = 0; entry < no_decay.size(); ++entry) {
    const DecayFilter filter({no_decay[entry]});
    bool found = IsRole(no_decay[entry]);
    for (size_t i = 0; i < decays.size(); ++i) {
      const Parameter& parameter = graph.parameters[i];
      if (filter.Decays(parameter.name, RoleName(parameter.role))) continue;
      decays[i] = false;
      found = true;
    }
    if (found) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(std::string(path), "[", entry, "]: '", no_decay[entry],
                     "' is no role (bias, norm, embedding) and matches no parameter, such as '",
                     graph.parameters.empty() ? std::string() : graph.parameters[0].name, "'"));
  }
  return decays;
}

}  // namespace banyan
