#ifndef BANYAN_COORDINATOR_JOBS_ASSIGNER_H_
#define BANYAN_COORDINATOR_JOBS_ASSIGNER_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "common/protocol/session.h"
#include "common/tree/share.h"
#include "common/tree/tree.h"

namespace banyan::coordinator {

// Makes a job's assignments: who computes which nodes, version by version. Thread-compatible.
class Assigner {
 public:
  // Versions count from `first_version`.
  Assigner(Tree tree, uint64_t first_version) : tree_(tree), next_version_(first_version) {}

  // Somebody follows this version, of a former life: the next one is later.
  void Seen(uint64_t version) { next_version_ = std::max(next_version_, version + 1); }
  uint64_t next_version() const { return next_version_; }

  // `leaves_by_worker` (in order of the workers' ids, zeros at the end may be left out) must add up to the tree's
  // leaves: INVALID_ARGUMENT otherwise.
  absl::Status CheckLeafPlan(const std::vector<uint32_t>& leaves_by_worker) const;

  // The next version, in force from `from_step` on, over `workers` (at least one, by id). `leaf_plan`: leaves by
  // worker, checked; empty: equal shares, nodes kept where they were if that costs nothing. An announced max_pending
  // leaves room for the version before it, which some workers still follow.
  Assignment Assign(const std::vector<WorkerId>& workers, const std::vector<uint32_t>& leaf_plan, Step from_step);

 private:
  const Tree tree_;
  uint64_t next_version_;
  std::vector<WorkerId> workers_;  // of the version before
  LeafPlan plan_;
};

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_JOBS_ASSIGNER_H_
