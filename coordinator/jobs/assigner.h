#ifndef BANYAN_COORDINATOR_JOBS_ASSIGNER_H_
#define BANYAN_COORDINATOR_JOBS_ASSIGNER_H_

#include <cstdint>
#include <map>
#include <vector>

#include "absl/status/status.h"
#include "common/protocol/session.h"
#include "common/tree/leaf_set.h"
#include "common/tree/tree.h"
#include "coordinator/shares/relief.h"

namespace banyan::coordinator {

// Makes a job's assignments: who computes which nodes, version by version. Remembers those that somebody may still
// follow, for what pends on servers depends on all of them. Thread-compatible.
class Assigner {
 public:
  // Versions count from `first_version`, which is greater than all that were ever told of the job.
  Assigner(Tree tree, uint64_t first_version) : tree_(tree), next_version_(first_version) {}

  uint64_t next_version() const { return next_version_; }

  // `open` is the open step and everybody who computes follows version `known` or a later one: what came before is
  // forgotten once a step has passed since.
  void Settle(Step open, uint64_t known);
  // A new term: nobody follows anything.
  void Forget() { versions_.clear(); }

  // `leaves_by_worker` (in order of the workers' ids, zeros at the end may be left out) must add up to the tree's
  // leaves: INVALID_ARGUMENT otherwise.
  absl::Status CheckLeafPlan(const std::vector<uint32_t>& leaves_by_worker) const;

  // The version in force in `step`; null: none.
  const Assignment* InForce(Step step) const;

  // The next version, in force from `from_step` on: `shares`, as many and in the order of `workers` (at least one, by
  // id), add up to the tree's leaves; nodes are kept where they were if that costs nothing. Its max_pending has room for
  // the versions before it.
  Assignment Assign(const std::vector<WorkerId>& workers, const std::vector<uint32_t>& shares, Step from_step);

  // The next version, in force from `from_step` on: what Relieve makes of the version that is in force in step `open`;
  // there must be one. `hands` are the workers there are, without their nodes; who is not among them gives all. Nodes
  // are halved only as far as the announced max_pending allows.
  Assignment Move(std::map<WorkerId, Hand> hands, const LeafSet& missing, Step open, Step from_step);

 private:
  Assignment Announce(const std::vector<WorkerId>& workers, LeafPlan plan, Step from_step);
  // h over all versions that somebody may follow, and this partition.
  uint32_t Pending(const std::vector<Node>& partition) const;

  const Tree tree_;
  uint64_t next_version_;
  std::vector<Assignment> versions_;  // in order
  uint64_t known_version_ = 0;
  Step known_since_ = 0;  // the open step when that became known
};

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_JOBS_ASSIGNER_H_
