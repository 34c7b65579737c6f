#include "coordinator/cluster/decider.h"

#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status.h"

namespace banyan::coordinator {
namespace {

// The life before counted it last some time before it ended; since then the job has trained at least up to its last line.
void CountTrainTime(JobRecord& job, const std::optional<DecisionStore::TimedLine>& last) {
  if (job.state != JobState::kRunning || !last.has_value() || last->time <= job.train_time_at) return;
  if (job.train_time_at == absl::InfinitePast()) return;
  job.train_time += last->time - job.train_time_at;
  job.train_time_at = last->time;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Decider>> Decider::Open(Options options, DecisionStore& store, StoreEffects::Work work,
                                                       Now now) {
  ASSIGN_OR_RETURN(const uint64_t term, store.NextCoordinatorTerm());
  std::unique_ptr<Decider> decider(new Decider(std::move(options), store, std::move(work), term));
  RETURN_IF_ERROR(decider->Load(store, now));
  return decider;
}

Decider::Decider(Options options, DecisionStore& store, StoreEffects::Work work, uint64_t coordinator_term)
    : coordinator_term_(coordinator_term),
      effects_(store, std::move(work)),
      cluster_({.coordinator_term = coordinator_term,
                .jobs_directory = std::move(options.jobs_directory),
                .leases = options.leases,
                .stall_limit = options.stall_limit,
                .first_number = options.first_number,
                .store_id = [this](Role role, const std::string& name,
                                   uint64_t id) { effects_.WriteProcess(role, name, id); }},
               effects_) {}

absl::Status Decider::Load(DecisionStore& store, Now now) {
  ASSIGN_OR_RETURN(const std::vector<DecisionStore::ProcessId> processes, store.Processes());
  for (const DecisionStore::ProcessId& process : processes) {
    cluster_.RestoreMember(process.role, process.name, process.id);
  }
  ASSIGN_OR_RETURN(std::vector<JobRecord> jobs, store.Jobs());
  for (JobRecord& job : jobs) {
    ASSIGN_OR_RETURN(Step through, store.LinesThrough(job.id));
    ASSIGN_OR_RETURN(const std::optional<DecisionStore::TimedLine> last, store.Line(job.id, through));
    CountTrainTime(job, last);
    // The last evaluation comes a step after the last line.
    ASSIGN_OR_RETURN(const std::optional<EvaluationLine> evaluation, store.Evaluation(job.id, through));
    if (through > 0 && evaluation.has_value()) ++through;
    cluster_.RestoreJob(std::move(job), through, now);
  }
  return effects_.Commit(nullptr);
}

absl::StatusOr<uint64_t> Decider::OnReport(SessionId session, const Cluster::Heard& heard, Now now) {
  const Introduction& introduction = heard.introduction;
  const auto known = sessions_.find(session);
  if (known != sessions_.end() && known->second.incarnation != introduction.incarnation) {
    return absl::InvalidArgumentError(absl::StrCat("process '", introduction.name, "' changed its incarnation"));
  }
  // Of a process that has come again, perhaps in another life: what is still under way says nothing any more.
  for (const auto& [other, newer] : sessions_) {
    if (session < other && newer.process.first == introduction.role && newer.name == introduction.name) {
      return absl::FailedPreconditionError(absl::StrCat("process '", introduction.name, "' has a newer session"));
    }
  }
  const uint64_t id = cluster_.Hear(heard, now);
  if (known != sessions_.end()) return id;
  const std::pair<Role, uint64_t> process(introduction.role, id);
  std::erase_if(sessions_, [&](const auto& other) { return other.second.process == process; });
  sessions_[session] = {.process = process, .name = introduction.name, .incarnation = introduction.incarnation};
  return id;
}

bool Decider::OnSessionEnded(SessionId session, Now now) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return false;
  const Session ended = found->second;
  sessions_.erase(found);
  cluster_.Leave(ended.process.first, ended.process.second, ended.incarnation, now);
  return true;
}

const std::pair<Role, uint64_t>* Decider::ProcessOf(SessionId session) const {
  const auto found = sessions_.find(session);
  return found == sessions_.end() ? nullptr : &found->second.process;
}

Decider::Command Decider::CommandFor(SessionId session) const {
  const std::pair<Role, uint64_t>* const process = ProcessOf(session);
  CHECK(process != nullptr);
  const auto [role, id] = *process;
  return {.coordinator_term = coordinator_term_,
          .id = id,
          .leave = cluster_.MayLeave(role, id),
          .jobs = cluster_.OrdersFor(role, id)};
}

}  // namespace banyan::coordinator
