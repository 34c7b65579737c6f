#include "tests/simulator/cluster.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/file/file_util.h"
#include "common/tree/tree.h"
#include "coordinator/jobs/job_states.h"

namespace banyan::simulator {
namespace {

// Messages beside streams are lost until then.
constexpr absl::Duration kTrouble = absl::Seconds(5);
// A run that is not over by then never ends. Faults are over after some seven seconds.
constexpr absl::Duration kEnd = absl::Seconds(90);
constexpr absl::Duration kEndOfFork = absl::Seconds(30);
// Nor does one in which nothing was done for so long.
constexpr absl::Duration kStall = absl::Seconds(30);
constexpr absl::Duration kOperate = absl::Milliseconds(100);
// Of what is told of a failure.
constexpr size_t kStory = 25;
constexpr size_t kTalk = 4;

}  // namespace

Cluster::Cluster(Options options)
    : options_(std::move(options)),
      job_(*options_.job),
      events_(options_.seed),
      shape_(options_.seed * 2),
      network_(&events_, absl::Milliseconds(1 + Shape(20))) {
  const Profile& profile = options_.profile;
  shards_ = 1 + Shape(2);
  const bool tight = profile.tight || profile.uneven;
  pool_bytes_ = (1 + Shape(tight ? 1 : 8)) * 16384;
  disk_time_ = absl::Milliseconds(1 + Shape(10));
  servers_.resize(std::max(profile.most_replicas > 0 ? 2u : 1u, profile.least_replicas + 1) + Shape(3));
  const uint32_t most = std::min(profile.most_replicas, static_cast<uint32_t>(servers_.size()) - 1);
  const uint32_t replicas = profile.least_replicas + Shape(most - profile.least_replicas + 1);
  workers_.resize(profile.uneven ? 3 + Shape(4) : (profile.wrong ? 2 : 1) + Shape(4));
  for (size_t i = 0; i < workers_.size(); ++i) {
    WorkerHost::Options& shape = worker_shapes_.emplace_back();
    shape.job = &job_;
    shape.events = &events_;
    shape.lanes = 1 + Shape(2);
    // What one target takes at the least (1 + log2 of its leaves, one more for each further lane); seldom what all do.
    shape.sets = shape.lanes + Tree(job_.plan().leaves).root().level + Shape(tight ? 1 : 3);
    shape.leaf_time = absl::Milliseconds(5 << Shape(4));
    if (profile.uneven && i == 0) shape.leaf_time = absl::Milliseconds(100);
    if (profile.authors) {
      shape.author = [this](Step, uint32_t) { return static_cast<float>(1 + events_.Draw(1000)) * 1e-4f; };
    }
  }
  network_.Watch([this](MessageKind kind, Place from, Place to) { OnSent(kind, from, to); });
  for (const auto& [kind, most] : profile.delays) network_.Delay(kind, most);
  if (profile.wrong) MakeWrong();
  if (Shape(2) == 0) network_.LoseDatagrams(0.1, absl::UnixEpoch() + kTrouble);
  MakePeople(replicas);
  CHECK(CreateDirectories(disk_, kJobsDirectory).ok());
  CHECK(disk_.SyncDirectory("/").ok() && disk_.SyncDirectory("/state").ok());
}

Cluster::~Cluster() = default;

// One worker, as hardware does: now and then, each time, or late: in the last step.
void Cluster::MakeWrong() {
  const uint32_t wrong = Shape(static_cast<uint32_t>(workers_.size()));
  const double often[] = {0.1, 0.3, 1, 1};
  const uint32_t how = Shape(4);
  const double chance = often[how];
  const Step first = how == 3 ? job_.plan().last_step : 1;
  for (uint32_t i = 0; i < workers_.size(); ++i) {
    worker_shapes_[i].author = [this, name = absl::StrCat("worker-", i), chance = i == wrong ? chance : 0, first](
                                   Step step, uint32_t leaf) {
      if (chance == 0 || step < first || !events_.Chance(chance)) return 0.0f;
      wrong_.emplace(step, leaf, name);
      return static_cast<float>(1 + events_.Draw(1000)) * 1e-4f;
    };
  }
}

void Cluster::MakePeople(uint32_t replicas) {
  People::Options people = {.job = &job_,
                            .store = &store_,
                            .events = &events_,
                            .files = &disk_,
                            .jobs_directory = kJobsDirectory,
                            .servers = static_cast<uint32_t>(servers_.size()),
                            .workers = static_cast<uint32_t>(workers_.size()),
                            .replicas = replicas,
                            .least_workers = options_.profile.wrong ? 2u : 1u,
                            .uneven = options_.profile.uneven};
  if (options_.profile.audits_one_in > 0 && Shape(options_.profile.audits_one_in) == 0) {
    people.audit = options_.profile.wrong || Shape(2) == 0 ? 1 : 0.3;
  }
  const auto forks = std::ranges::stable_partition(
      options_.faults, [](const Fault& fault) { return fault.kind != Fault::Kind::kFork; });
  people.forks.assign(forks.begin(), forks.end());
  options_.faults.erase(forks.begin(), forks.end());
  people.shape = [this](uint32_t n) { return Shape(n); };
  people.ask = [this](CoordinatorHost::Question question, std::function<void()> answered) {
    if (coordinator_.host != nullptr) coordinator_.host->Ask(std::move(question), std::move(answered));
  };
  people_ = std::make_unique<People>(std::move(people));
}

void Cluster::Operate() {
  events_.After(kOperate, [this] { Operate(); });
  Look();
  LookAtProgress();
  people_->Operate(disk_full_, disk_was_full_);
  const coordinator::JobRecord* const record = people_->job();
  if (record == nullptr) return;
  if (options_.profile.amid && record->state == JobState::kRunning) LetFaultsHappen();
  if (people_->failure().empty() || options_.profile.wrong) return;
  absl::StrAppend(&outcome_.trouble, "the job failed: ", people_->failure(), "; ");
}

// Once.
void Cluster::LetFaultsHappen() {
  for (const Fault& fault : options_.faults) {
    events_.After(fault.at, [this, fault] {
      if (fault.moment == MessageKind::kOther) return Apply(fault);
      waiting_.push_back(fault);
    });
  }
  options_.faults.clear();
}

// ---- What must hold.

Witness& Cluster::WitnessOf(const std::string& job) {
  return witnesses_.try_emplace(job, &job_, job, &store_, other_values()).first->second;
}

void Cluster::Look() {
  outcome_.trouble += store_.trouble();
  outcome_.trouble += people_->trouble();
  outcome_.trouble += decisions_.trouble();
  for (const auto& [job, witness] : witnesses_) outcome_.trouble += witness.trouble();
  for (const ServerPlace& server : servers_) {
    if (server.process != nullptr && server.process->host() != nullptr) {
      outcome_.trouble += server.process->host()->trouble();
    }
  }
}

// Messages, leaves that are computed again and pushes that are refused are none.
void Cluster::LookAtProgress() {
  const coordinator::JobRecord* const record = people_->job();
  if (record == nullptr) return;
  const Progress progress = {.job = record->id,
                             .state = record->state,
                             .term = record->term,
                             .lines = store_.lines(record->id).size() + store_.evaluations(record->id).size(),
                             .checkpoint = record->checkpoint.value_or(RestorePoint()).step};
  if (progress == progress_) return;
  progress_ = progress;
  progress_at_ = events_.now();
  network_.ForgetSent();
}

Outcome Cluster::Run() {
  StartCoordinator();
  // Some come later.
  for (uint32_t i = 0; i < servers_.size(); ++i) {
    const absl::Duration after = Shape(4) == 0 ? absl::Milliseconds(Shape(3000)) : absl::ZeroDuration();
    events_.After(after, [this, i] { StartServer(i); });
  }
  for (uint32_t i = 0; i < workers_.size(); ++i) StartWorker(i);
  if (!options_.profile.amid) LetFaultsHappen();
  Operate();
  progress_at_ = events_.now();
  while (!people_->done() && people_->failure().empty() && outcome_.trouble.empty()) {
    const absl::Time end = absl::UnixEpoch() + kEnd + kEndOfFork * static_cast<int64_t>(store_.jobs().size());
    if (events_.now() >= end || events_.now() >= progress_at_ + kStall) break;
    events_.Step();
  }
  outcome_.succeeded = people_->done();
  outcome_.took = events_.now() - absl::UnixEpoch();
  Finish();
  if (!outcome_.trouble.empty()) outcome_.story = Story();
  return std::move(outcome_);
}

void Cluster::Finish() {
  Count();
  if (outcome_.succeeded) return CheckSuccess();
  if (options_.profile.wrong && outcome_.trouble.empty() && !people_->failure().empty()) return CheckAudit();
  const coordinator::JobRecord* const record = people_->job();
  if (record == nullptr) return;
  absl::StrAppend(&outcome_.trouble, "after ", absl::FormatDuration(outcome_.took), ", ",
                  absl::FormatDuration(events_.now() - progress_at_), " without progress, job ", record->id, " is ",
                  std::string(coordinator::JobStateName(record->state)), " at line ",
                  store_.lines(record->id).size(), ", ", record->reason, "; ");
  for (const auto& worker : workers_) {
    if (worker == nullptr || worker->host() == nullptr) continue;
    const worker::StepMachine& machine = worker->host()->machine();
    absl::StrAppend(&outcome_.trouble, "worker in term ", machine.term(), " at step ", machine.open_step(), ": ");
    for (const Wait& wait : machine.Waits()) absl::StrAppend(&outcome_.trouble, wait.detail, "; ");
  }
  outcome_.trouble += Meanwhile();
}

// What goes on without progress: the most talkative.
std::string Cluster::Meanwhile() const {
  const auto name = [this](Place place) {
    if (place == kCoordinatorPlace) return std::string("coordinator");
    if (place <= servers_.size()) return absl::StrCat("server-", place - 1);
    return absl::StrCat("worker-", place - 1 - servers_.size());
  };
  std::vector<std::pair<uint64_t, std::string>> talk;
  for (const auto& [ends, count] : network_.sent()) {
    talk.emplace_back(count, absl::StrCat(count, " messages from ", name(ends.first), " to ", name(ends.second), "; "));
  }
  std::ranges::sort(talk, std::greater<>());
  std::string text = "meanwhile ";
  for (size_t i = 0; i < std::min(talk.size(), kTalk); ++i) text += talk[i].second;
  return text;
}

std::string Cluster::Story() const {
  std::string story;
  const std::vector<coordinator::JobEvent>& events = store_.events(people_->id());
  for (size_t i = events.size() - std::min(events.size(), kStory); i < events.size(); ++i) {
    absl::StrAppend(&story, "  ", absl::FormatDuration(events[i].time - absl::UnixEpoch() - Life::kFiftyYears), " @",
                    events[i].step, " ", events[i].type, " ", events[i].who, " ", events[i].text, "\n");
  }
  return story;
}

void Cluster::CheckSuccess() {
  for (const auto& [id, record] : store_.jobs()) {
    // Where people were told that nothing is audited, or that a worker is gone with what it had to compare, what was
    // computed wrong may stand.
    const bool idle = options_.profile.wrong && std::ranges::any_of(store_.events(id), [](const auto& event) {
      return event.type == "AUDIT_IDLE" || event.type == "WORKER_LOST" || event.type == "WORKER_LATE";
    });
    if (idle) ++outcome_.counts["audits idle"];
    CheckResult(job_, id, store_, WitnessOf(id), options_.profile.authors || idle, disk_, outcome_);
    if (idle) outcome_.state_hash.clear();
  }
}

// What was computed wrong has been found: the failure names it, and both workers.
void Cluster::CheckAudit() {
  ++outcome_.counts["wrong leaves found"];
  const std::string& text = people_->failure();
  for (const auto& [step, leaf, worker] : wrong_) {
    const std::string where = absl::StrCat("audit: leaf ", leaf, " of step ", step, " was computed by ");
    outcome_.succeeded = outcome_.succeeded || (text.starts_with(where) && text.find(worker) != std::string::npos &&
                                                text.find(" and by worker-") != std::string::npos);
  }
  if (outcome_.succeeded) return;
  absl::StrAppend(&outcome_.trouble, "nobody computed that wrong: ", text, "; ");
}

void Cluster::Count() {
  outcome_.counts["events"] = events_.count();
  outcome_.counts["broken streams"] = network_.breaks();
  for (const auto& [what, count] : people_->counts()) outcome_.counts[what] += count;
  for (const auto& [id, record] : store_.jobs()) {
    outcome_.counts["terms"] += record.term;
    outcome_.counts["epochs"] += record.map.epoch;
    const auto add = [&, &record = record](const char* counter, const char* what) {
      const auto found = record.counters.find(counter);
      if (found != record.counters.end()) outcome_.counts[what] += found->second;
    };
    add("servers_survived", "promotions");
    add("audits_compared", "audits compared");
  }
  if (options_.profile.spare && outcome_.counts["terms"] > 1) {
    absl::StrAppend(&outcome_.trouble, "there are ", outcome_.counts["terms"],
                    " terms, though never more than one server was missing; ");
  }
  for (const auto* workers : {&workers_, &dead_workers_}) {
    for (const auto& worker : *workers) {
      if (worker == nullptr || worker->host() == nullptr) continue;
      const worker::StepMachine::Counters& counters = worker->host()->machine().counters();
      outcome_.counts["leaves recomputed"] += counters.leaves_recomputed;
      outcome_.counts["gradient sets dropped"] += counters.sets_dropped;
    }
  }
}

}  // namespace banyan::simulator
