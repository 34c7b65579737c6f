#include "tests/simulator/decisions.h"

#include "absl/strings/str_cat.h"

namespace banyan::simulator {
namespace {

using coordinator::JobMachine;
using coordinator::Role;

// The step that is open, the one that may be told of already, and a report that is late.
constexpr Step kSteps = 4;
// Lines that come at once, after a silence, say nothing of those steps.
constexpr absl::Duration kTime = absl::Seconds(1);

}  // namespace

void Decisions::Look(const coordinator::Cluster& cluster, absl::Time now) {
  for (const JobMachine* const job : cluster.Jobs()) {
    LookAtAssignment(*job);
    LookAtCrew(*job, now);
  }
}

void Decisions::LookAtAssignment(const JobMachine& job) {
  if (job.record().state != JobState::kRunning || !job.assignment().has_value()) return;
  const Assignment& assignment = *job.assignment();
  const std::pair version(job.record().term, assignment.version);
  if (std::exchange(versions_[job.record().id], version) == version) return;
  for (const Assignment::Share& share : assignment.shares) {
    if (share.nodes.empty() || job.Has(Role::kWorker, share.worker.value())) continue;
    absl::StrAppend(&trouble_, "assignment ", assignment.version, " of job ", job.record().id,
                    " gives leaves to worker ", share.worker.value(), ", which the job does not have; ");
  }
}

void Decisions::LookAtCrew(const JobMachine& job, absl::Time now) {
  const v1::Workers& workers = job.record().job.run().workers();
  if (job.record().state != JobState::kRunning || !workers.has_max() || job.workers() <= workers.max()) {
    beyond_since_.erase(job.record().id);
    return;
  }
  Beyond& since = beyond_since_[job.record().id];
  // Fewer are wanted now: others are to go, at the next step but one.
  if (since.max != workers.max()) since = {.max = workers.max(), .step = job.step(), .time = now};
  if (job.step() < since.step + kSteps || now < since.time + kTime) return;
  absl::StrAppend(&trouble_, "job ", job.record().id, " has ", job.workers(), " workers since step ", since.step,
                  ", and may have ", workers.max(), "; ");
}

}  // namespace banyan::simulator
