#ifndef BANYAN_COORDINATOR_JOBS_FORK_H_
#define BANYAN_COORDINATOR_JOBS_FORK_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/jobs/job_record.h"

// A fork is a job that begins with the state of another, its parent, after one of the parent's steps. It first computes
// the steps since the parent's nearest checkpoint again, by the parent's recipe, and writes a checkpoint of its own at
// the step; from then on it is a job like any other whose first state is that checkpoint. It has the parent's lines up
// to the step, so what is computed again is compared with them.
namespace banyan::coordinator {

// Whether the job still computes its parent's steps again.
bool Replays(const JobRecord& record);

// Whether both read the same data, by what they say of them.
bool SameData(const v1::Recipe& a, const v1::Recipe& b);

// What its processes shall work at now: the job, or while it replays the parent's recipe, without evaluations and
// checkpoints, on what the job's own `run` wants of processes.
v1::Job PresentJob(const JobRecord& record);

// Whether the parent, whose lines are written up to `lines`, has a state after `step`. FAILED_PRECONDITION.
absl::Status CheckForkStep(const JobRecord& parent, Step lines, Step step);

struct ForkRequest {
  Step step = 0;
  v1::Job job;  // valid, its defaults filled in
  std::vector<uint32_t> leaf_plan;
  RestorePoint source;  // the parent's checkpoint at or before the step; step 0: its initial state
};

// The new job's record; the caller numbers it. INVALID_ARGUMENT, with the field first, where the job cannot go on from
// the parent's state: other shapes, slots or samples a step, or an end before the step.
absl::StatusOr<JobRecord> MakeFork(const JobRecord& parent, ForkRequest request);

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_JOBS_FORK_H_
