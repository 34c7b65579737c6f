#include "coordinator/jobs/job_machine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "coordinator/jobs/fork.h"
#include "coordinator/jobs/job_states.h"

// The first part of JobMachine: processes come and go, states follow one another.
namespace banyan::coordinator {
namespace {

using enum JobState;

}  // namespace

JobMachine::JobMachine(JobRecord record, Options options, Step lines_through, JobEffects& effects, Now now)
    : options_(std::move(options)),
      effects_(effects),
      record_(std::move(record)),
      lines_through_(lines_through),
      reached_(lines_through),
      counted_at_(now.monotonic),
      progress_(now.monotonic),
      reclaim_until_(now.monotonic + options_.reclaim),
      give_up_at_(now.monotonic + options_.give_up),
      stragglers_({.silence = options_.silence, .patience = options_.silence}) {
  if (record_.data.has_value()) {
    if (const absl::Status status = MakePlan(); !status.ok()) Fail(std::string(status.message()), now);
  }
  // Who served it is known only when they report again; then it goes on where it is, or from its restore point.
  if (record_.state == kStarting || record_.state == kRunning) Enter(kRecovering, "the coordinator was restarted", now);
  if (record_.state == kStopping) {
    Enter(StopsIn(), "the coordinator was restarted while the job stopped; its last checkpoint stands", now);
  }
}

bool JobMachine::at_rest() const { return record_.state != kQueued && !IsActive(record_.state); }

Step JobMachine::step() const { return plan_ ? std::min(lines_through(), plan_->last_step) : lines_through(); }

// ---- Processes.

bool JobMachine::Has(Role role, uint64_t id) const {
  return role == Role::kServer ? servers_.contains(id) : workers_.contains(id);
}

uint32_t JobMachine::workers_wanted() const {
  if (at_rest() || record_.state == kStopping) return 0;
  const v1::Workers& workers = record_.job.run().workers();
  if (!workers.has_max()) return UINT32_MAX;
  const size_t most = std::max(workers.max(), least_workers());
  return most > staying() ? static_cast<uint32_t>(most - staying()) : 0;
}

uint32_t JobMachine::least_workers() const {
  const uint32_t least = record_.job.run().workers().min();
  // A leaf plan is for the workers that the job begins with; it goes on with fewer.
  const bool begins = record_.state == kQueued || (record_.state == kStarting && !assignment_.has_value());
  return begins && leaf_plan_holds_ ? std::max(least, static_cast<uint32_t>(record_.leaf_plan.size())) : least;
}

bool JobMachine::AcceptsServer(const Members::Member& server, Now now) const {
  if (!Reclaims(now)) return true;
  return std::any_of(record_.map.servers.begin(), record_.map.servers.end(), [&](const ChunkMap::Server& known) {
    return known.id.value() == server.id && known.incarnation == server.introduction.incarnation;
  });
}

bool JobMachine::AcceptsKind(const std::string& device_kind) const {
  if (!record_.device_kind.empty()) return record_.device_kind == device_kind;
  switch (record_.job.run().workers().device()) {
    case v1::CPU: return absl::StartsWith(device_kind, "cpu:");
    case v1::CUDA: return absl::StartsWith(device_kind, "cuda:");
    default: return true;
  }
}

void JobMachine::AddServer(const Members::Member& server, Now now) {
  servers_[server.id] = {.member = server};
  NoteNamed();
  even_ = false;
  Note(now, "SERVER_JOINED", server.introduction.name, "");
}

void JobMachine::AddWorker(const Members::Member& worker, Now now) {
  CHECK(AcceptsKind(worker.introduction.device_kind));
  if (record_.device_kind.empty()) {
    record_.device_kind = worker.introduction.device_kind;
    Persist();
  }
  if (assignment_.has_value()) leaf_plan_holds_ = false;
  workers_[worker.id] = {.member = worker};
  stragglers_.Hear(WorkerId(worker.id), 0, now.monotonic);
  Note(now, "WORKER_JOINED", worker.introduction.name, "");
}

void JobMachine::RemoveServer(ServerId id, Now now, const std::string& why) {
  const auto found = servers_.find(id.value());
  if (found == servers_.end()) return;
  const std::string name = found->second.member.introduction.name;
  const bool runs = Stepping();
  KeepCounters(found->second);
  servers_.erase(found);
  even_ = false;
  if (!IsActive(record_.state)) return;
  Note(now, "SERVER_LOST", name, why);
  if (runs && GoesOnWithout(id, now)) return;
  // Some chunks exist only in checkpoints: all go back together. Should it come again, it may have been told that the
  // job is not its any more, and have nothing left; so the term is over for good.
  record_.map = {.epoch = record_.map.epoch};
  if (record_.state == kStopping) {
    Enter(StopsIn(), absl::StrCat("server ", name, " was lost while the job stopped; its last checkpoint stands"), now);
  } else if (record_.state != kRecovering) {
    Enter(kRecovering, absl::StrCat("server ", name, " was lost", PatienceText(now)), now);
  } else {
    Persist();
  }
}

void JobMachine::RemoveWorker(WorkerId id, bool lost, Now now) {
  const auto found = workers_.find(id.value());
  if (found == workers_.end()) return;
  const std::string name = found->second.member.introduction.name;
  DropWorker(id);
  if (!IsActive(record_.state)) return;
  Note(now, lost ? "WORKER_LOST" : "WORKER_LEFT", name, "");
  if (staying() < least_workers() && record_.state != JobState::kStopping) {
    WaitForWorkers(absl::StrCat("worker ", name, lost ? " was lost" : " left"), now);
  } else if (workers_.empty()) {  // a stop is seen through by whoever is left
    assignment_.reset();
    Enter(StopsIn(), absl::StrCat("worker ", name, " was lost while the job stopped; its last checkpoint stands"), now);
  } else if (assignment_.has_value()) {
    MoveLeaves(now);
  }
}

std::vector<Introduction> JobMachine::Crew() const {
  if (at_rest()) return record_.crew;
  std::vector<Introduction> crew;
  for (const Processes* processes : {&servers_, &workers_}) {
    for (const auto& [id, process] : *processes) crew.push_back(process.member.introduction);
  }
  return crew;
}

void JobMachine::KeepCounters(const Process& process) {
  if (!process.last.has_value()) return;
  for (const auto& [name, value] : process.last->counters) record_.counters[name] += value;
}

std::map<std::string, uint64_t> JobMachine::Counters() const {
  std::map<std::string, uint64_t> counters = record_.counters;
  for (const Processes* processes : {&servers_, &workers_}) {
    for (const auto& [id, process] : *processes) {
      if (!process.last.has_value()) continue;
      for (const auto& [name, value] : process.last->counters) counters[name] += value;
    }
  }
  return counters;
}

// ---- States.

void JobMachine::Enter(JobState state, std::string reason, Now now) {
  CHECK(MayFollow(record_.state, state));
  CountTrainTime(now);
  if (state == kStarting && record_.started == absl::InfinitePast()) record_.started = now.wall;
  const bool rests = state != kQueued && !IsActive(state);
  if (rests) Rest();
  record_.finished = rests ? now.wall : absl::InfinitePast();
  record_.state = state;
  record_.reason = std::move(reason);
  progress_.Made(now.monotonic);
  audits_due_.reset();
  Persist();
  Note(now, std::string(JobStateName(state)), "", record_.reason);
}

// Lets everybody go; what is to be told of them is kept.
void JobMachine::Rest() {
  if (IsActive(record_.state)) {
    record_.crew = Crew();
    record_.assignment = assignment_;
  }
  record_.counters = Counters();
  servers_.clear();
  workers_.clear();
  assignment_.reset();
  short_since_ = absl::InfiniteDuration();
  with_fewer_servers_ = false;
}

absl::Duration JobMachine::TrainTime(Now now) const {
  return record_.state == kRunning ? record_.train_time + (now.monotonic - counted_at_) : record_.train_time;
}

void JobMachine::CountTrainTime(Now now) {
  record_.train_time = TrainTime(now);
  record_.train_time_at = now.wall;
  counted_at_ = now.monotonic;
}

void JobMachine::Note(Now now, std::string type, std::string who, std::string text) {
  effects_.WriteEvent(record_.id, {.time = now.wall,
                                   .step = step(),
                                   .type = std::move(type),
                                   .who = std::move(who),
                                   .text = std::move(text)});
}

void JobMachine::Fail(std::string reason, Now now) {
  if (!at_rest()) Enter(kFailed, std::move(reason), now);
}

void JobMachine::Proceed(Now now) {
  if (record_.state == kRecovering && now.monotonic >= reclaim_until_) GoOnWithoutTheMissing(now);
  // Those of the term go on, whatever the job would like to have.
  const bool servers = servers_wanted(now) == 0 || (record_.state != kQueued && ServersReady()) ||
                       (with_fewer_servers_ && !servers_.empty());
  const bool enough = servers && staying() >= least_workers();
  short_since_ = enough ? absl::InfiniteDuration() : std::min(short_since_, now.monotonic);
  switch (record_.state) {
    case kQueued:
      if (enough) BeginStarting(now);
      break;
    case kStarting:
      if (enough && ServersReady()) BeginRunning(now);
      break;
    case kRecovering:
      if (!enough || searching_) break;
      // The servers of this term are all there: only workers, or the coordinator, were missing.
      // A backup that has only just come sends nobody back.
      if (ServersReady(/*but_backups=*/now.monotonic >= give_up_at_)) {
        BeginRunning(now);
      } else if (term_is_over() || now.monotonic >= give_up_at_) {
        BeginStarting(now);
      }
      break;
    case kRunning:
      Rebuild(now);
      Balance(now);
      CheckFinished(now);
      break;
    case kStopping:
      Balance(now);
      break;
    default:
      break;
  }
}

void JobMachine::BeginStarting(Now now) {
  Enter(kStarting, plan_ ? "servers load the model" : "a worker indexes the data", now);
  if (plan_) BeginTerm(now);
}

void JobMachine::BeginTerm(Now now) {
  // A job that was resumed begins where it stopped; what it did after that point is done again.
  const RestorePoint point = PointToRestore();
  if (record_.term != 0 && lines_through() > point.step) ++record_.counters["rollbacks"];
  ++record_.term;
  record_.restore = point;
  record_.map = MakeMap();
  NoteNamed();
  even_ = false;
  for (Processes* processes : {&servers_, &workers_}) {
    for (auto& [id, process] : *processes) process.ready = false;
  }
  assignment_.reset();
  assigner_->Forget();
  audits_.Forget();
  parts_.clear();
  publishing_.clear();
  published_.clear();
  given_up_.clear();
  settled_step_ = reached_ = record_.restore.step;
  Persist();
  Note(now, "TERM", "", absl::StrCat("term ", record_.term, " from step ", record_.restore.step));
}

void JobMachine::BeginRunning(Now now) {
  with_fewer_servers_ = false;
  ChooseDismissed();
  if (!assignment_.has_value()) Assign(AtOnce(), now);
  Enter(kRunning, "", now);
  CheckFinished(now);
}

void JobMachine::CheckFinished(Now now) {
  if (record_.state != kRunning || Replays(record_) || lines_through() < plan_->last_protocol_step()) return;
  if (!record_.checkpoint.has_value() || record_.checkpoint->step < plan_->last_step) return;
  if (record_.job.run().audit() > 0 && !AuditsTold()) return;
  Enter(kSucceeded, "", now);
}

}  // namespace banyan::coordinator
