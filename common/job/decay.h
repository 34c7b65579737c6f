#ifndef BANYAN_COMMON_JOB_DECAY_H_
#define BANYAN_COMMON_JOB_DECAY_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/graph.h"

namespace banyan {

// Which parameters weight decay applies to, by ParameterId: those that no entry of `no_decay` names, as DecayFilter
// reads it (weights and biases of norms have the role `norm`). A role may have no parameter; a pattern that matches
// none is refused as a mistake, naming `path`, the list's place in the job.
absl::StatusOr<std::vector<bool>> DecayFlags(const Graph& graph, std::span<const std::string> no_decay,
                                             std::string_view path);

}  // namespace banyan

#endif  // BANYAN_COMMON_JOB_DECAY_H_
