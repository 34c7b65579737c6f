#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coordinator/jobs/job_machine.h"
#include "coordinator/jobs/job_states.h"

// The fifth part of JobMachine: workers come and go, and what they say of leaves that others compute too.
namespace banyan::coordinator {
namespace {

using enum JobState;

}  // namespace

// ---- Who is there.

void JobMachine::TakePace(WorkerId worker, const JobReport& report, Now now) {
  const auto counted = report.counters.find("leaves_computed");
  const uint64_t leaves = counted == report.counters.end() ? 0 : counted->second;
  paces_.Hear(worker, report.seconds_per_leaf, report.seconds_per_push, leaves, now.monotonic);
  stragglers_.Hear(worker, leaves, now.monotonic);
  Process& process = workers_.at(worker.value());
  process.ready = process.ready || (report.ready && report.term == record_.term);
}

// docs/adr/0008-audit.md: the job's promise is broken, and nobody knows since when.
void JobMachine::TakeAudits(WorkerId worker, const JobReport& report, Now now) {
  const auto found = workers_.find(worker.value());
  if (found == workers_.end()) return;  // what it reported has ended the job
  const Introduction process = found->second.member.introduction;
  const std::string who = process.host.empty() ? process.name : absl::StrCat(process.name, " on ", process.host);
  for (const LeafAudit& audit : report.audits) {
    if (!plan_ || audit.term != record_.term || !IsActive(record_.state)) return;
    const uint64_t before = audits_.compared();
    const std::optional<Audits::Difference> difference = audits_.Take(who, audit);
    record_.counters["audits_compared"] += audits_.compared() - before;
    if (!difference.has_value()) continue;
    std::string place = "the loss";
    const auto positions = plan_->layout.positions();
    if (difference->fingerprint < positions.size()) {
      const ChunkUse use = positions[difference->fingerprint];
      std::vector<std::string> names;
      for (const Segment& segment : plan_->layout.chunk(use.chunk).segments) {
        names.push_back(plan_->graph.parameter(segment.parameter).name);
      }
      place = absl::StrCat("chunk ", use.chunk.value(), " (", absl::StrJoin(names, ", "), ")");
    }
    const std::string text =
        absl::StrCat("leaf ", audit.leaf, " of step ", audit.step, " was computed by ", difference->first, " and by ",
                     difference->second, ", and differs in ", place,
                     "; one of the two computes wrong: test both hosts, and trust no checkpoint since it was last well");
    Note(now, "AUDIT_DIFFERS", "", text);
    Fail(absl::StrCat("audit: ", text), now);
  }
  const bool more = std::any_of(report.waits.begin(), report.waits.end(),
                                [](const Wait& wait) { return wait.what == "audits"; });
  if (audits_due_.has_value() && !more) audits_due_->erase(worker.value());
}

// Every worker has reported since the last line, and audits nothing any more; those that are gone tell nothing.
bool JobMachine::AuditsTold() {
  if (!audits_due_.has_value()) {
    audits_due_.emplace();
    for (const auto& [id, process] : workers_) audits_due_->insert(id);
  }
  std::erase_if(*audits_due_, [this](uint64_t id) { return !workers_.contains(id); });
  return audits_due_->empty();
}

void JobMachine::DropWorker(WorkerId worker) {
  const auto found = workers_.find(worker.value());
  KeepCounters(found->second);
  workers_.erase(found);
  paces_.Forget(worker);
  stragglers_.Forget(worker);
  if (assignment_.has_value()) leaf_plan_holds_ = false;
}

size_t JobMachine::staying() const {
  return static_cast<size_t>(
      std::count_if(workers_.begin(), workers_.end(), [](const auto& entry) { return !entry.second.released; }));
}

void JobMachine::WaitForWorkers(std::string why, Now now) {
  assignment_.reset();
  if (record_.state == kRecovering) return;
  const google::protobuf::Duration& wait = record_.job.run().workers().wait();
  Enter(kRecovering,
        absl::StrCat(why, "; ", staying(), " of at least ", least_workers(), " are left; waits ",
                     absl::FormatDuration(absl::Seconds(wait.seconds()) + absl::Nanoseconds(wait.nanos())),
                     " for more (run.workers.wait)"),
        now);
}

absl::Status JobMachine::ScaleWorkers(uint32_t min, uint32_t max, Now now) {
  if (record_.state == kSucceeded) {
    return absl::FailedPreconditionError(absl::StrCat("job ", record_.id, " is SUCCEEDED; it needs no workers"));
  }
  v1::Workers& workers = *record_.job.mutable_run()->mutable_workers();
  workers.set_min(min);
  if (max != 0) workers.set_max(max);
  // It is for more workers than there will be.
  if (workers.has_max() && record_.leaf_plan.size() > workers.max()) record_.leaf_plan.clear();
  Persist();
  Note(now, "SCALED", "",
       workers.has_max() ? absl::StrCat(workers.min(), " to ", workers.max(), " workers")
                         : absl::StrCat("at least ", workers.min(), " workers"));
  ChooseReleased();
  const bool runs = record_.state == kRunning || record_.state == kStopping;
  if (!runs) LetReleasedGo(OpenStep(), now);
  if (record_.state == kRunning && staying() < least_workers()) WaitForWorkers("more workers were asked for", now);
  return absl::OkStatus();
}

// Those that came last.
void JobMachine::ChooseReleased() {
  const v1::Workers& workers = record_.job.run().workers();
  size_t left = workers.has_max() ? workers.max() : workers_.size();
  for (auto& [id, process] : workers_) process.released = left == 0 || left-- == 0;
}

void JobMachine::LetReleasedGo(Step open, Now now) {
  std::vector<WorkerId> gone;
  const Assignment* const in_force = assigner_ ? assigner_->InForce(open) : nullptr;
  for (const auto& [id, process] : workers_) {
    const bool listed = assignment_.has_value() && in_force != nullptr &&
                        std::any_of(in_force->shares.begin(), in_force->shares.end(), [id = id](const auto& share) {
                          return share.worker.value() == id && !share.nodes.empty();
                        });
    if (process.released && !listed) gone.emplace_back(id);
  }
  for (const WorkerId worker : gone) {
    Note(now, "WORKER_LEFT", workers_.at(worker.value()).member.introduction.name,
         absl::StrCat("run.workers.max is ", record_.job.run().workers().max()));
    DropWorker(worker);
  }
  // A step may be open, unknown to us, in which they have leaves.
  if (!gone.empty() && assignment_.has_value()) MoveLeaves(now);
}

// ---- What is known of the open step.

Step JobMachine::OpenStep() const {
  std::optional<Step> lowest;
  for (const auto& [id, process] : servers_) {
    if (!process.last.has_value() || process.last->term != record_.term) continue;
    for (const JobReport::OpenStep& open : process.last->open) lowest = std::min(lowest.value_or(open.step), open.step);
  }
  return std::max(lowest.value_or(0), record_.restore.step + 1);
}

LeafSet JobMachine::Missing(Step open) const {
  LeafSet missing(plan_->leaves);
  for (const auto& [id, process] : servers_) {
    if (!process.last.has_value() || process.last->term != record_.term) continue;
    for (const JobReport::OpenStep& one : process.last->open) {
      if (one.step == open) missing.AddAll(one.missing);
    }
  }
  return missing;
}

bool JobMachine::AssignmentIsKnown() const {
  return std::all_of(assignment_->shares.begin(), assignment_->shares.end(), [this](const Assignment::Share& share) {
    const auto found = workers_.find(share.worker.value());
    if (found == workers_.end() || share.nodes.empty() || stragglers_.suspected(share.worker)) return true;
    const std::optional<JobReport>& last = found->second.last;
    return last.has_value() && last->assignment_version >= assignment_->version;
  });
}

}  // namespace banyan::coordinator
