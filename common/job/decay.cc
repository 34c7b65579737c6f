#include "common/job/decay.h"

#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"

namespace banyan {
namespace {

std::optional<ParameterRole> RoleOf(std::string_view entry) {
  if (entry == "bias") return ParameterRole::kBias;
  if (entry == "norm") return ParameterRole::kNorm;
  if (entry == "embedding") return ParameterRole::kEmbedding;
  return std::nullopt;
}

// Greedy: on a mismatch the last '*' takes one character more. Linear in practice, never exponential.
bool Matches(std::string_view pattern, std::string_view name) {
  size_t p = 0, n = 0;
  size_t star = std::string_view::npos, resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

}  // namespace

absl::StatusOr<std::vector<bool>> DecayFlags(const Graph& graph, std::span<const std::string> no_decay,
                                             std::string_view path) {
  std::vector<bool> decays(graph.parameters.size(), true);
  for (size_t entry = 0; entry < no_decay.size(); ++entry) {
    const std::optional<ParameterRole> role = RoleOf(no_decay[entry]);
    bool found = role.has_value();
    for (size_t i = 0; i < decays.size(); ++i) {
      const Parameter& parameter = graph.parameters[i];
      if (role.has_value() ? parameter.role != *role : !Matches(no_decay[entry], parameter.name)) continue;
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
