#include "tests/simulator/cluster.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/config/defaults.h"
#include "common/file/file_util.h"
#include "common/tree/tree.h"
#include "coordinator/jobs/job_states.h"

namespace banyan::simulator {
namespace {

constexpr Place kCoordinatorPlace = 0;
constexpr char kJobs[] = "/state/jobs";
constexpr char kJob[] = "j1";
// Messages beside streams are lost until then.
constexpr absl::Duration kTrouble = absl::Seconds(5);
// A run that is not over by then never ends. Faults are over after some seven seconds.
constexpr absl::Duration kEnd = absl::Seconds(90);
constexpr absl::Duration kOperate = absl::Milliseconds(100);

}  // namespace

Cluster::Cluster(Options options)
    : options_(std::move(options)),
      job_(*options_.job),
      events_(options_.seed),
      shape_(options_.seed * 2),
      network_(&events_, absl::Milliseconds(1 + Shape(20))),
      witness_(&job_, &store_, options_.profile.authors) {
  const Profile& profile = options_.profile;
  shards_ = 1 + Shape(2);
  const bool tight = profile.tight || profile.uneven;
  pool_bytes_ = (1 + Shape(tight ? 1 : 8)) * 16384;
  disk_time_ = absl::Milliseconds(1 + Shape(10));
  servers_.resize((profile.most_replicas > 0 ? 2 : 1) + Shape(3));
  const uint32_t most = std::min(profile.most_replicas, static_cast<uint32_t>(servers_.size()) - 1);
  replicas_ = profile.least_replicas + Shape(most - profile.least_replicas + 1);
  workers_.resize(profile.uneven ? 3 + Shape(4) : 1 + Shape(4));
  for (size_t i = 0; i < workers_.size(); ++i) {
    WorkerHost::Options& shape = worker_shapes_.emplace_back();
    shape.job = &job_;
    shape.events = &events_;
    shape.lanes = 1 + Shape(2);
    // What one target takes at the least (1 + log2 of its leaves, one more for each further lane); seldom what all do.
    shape.sets = shape.lanes + Tree(job_.plan().leaves).root().level + Shape(tight ? 1 : 3);
    shape.leaf_time = absl::Milliseconds(5 << Shape(4));
    if (profile.uneven && i == 0) shape.leaf_time = absl::Milliseconds(100);
    if (profile.authors) shape.author = [this] { return static_cast<float>(1 + events_.Draw(1000)) * 1e-4f; };
  }
  network_.Watch([this](MessageKind kind, Place from, Place to) { OnSent(kind, from, to); });
  if (Shape(2) == 0) network_.LoseDatagrams(0.1, absl::UnixEpoch() + kTrouble);
  CHECK(CreateDirectories(disk_, kJobs).ok());
  CHECK(disk_.SyncDirectory("/").ok() && disk_.SyncDirectory("/state").ok());
}

Cluster::~Cluster() = default;

// ---- Processes begin and end.

void Cluster::StartCoordinator() {
  coordinator_.life = std::make_shared<Life>(&events_);
  coordinator_.disk = std::make_unique<ProcessDisk>(ProcessDisk::Options{
      .disk = &disk_, .full = &disk_full_, .on_death = [this, life = coordinator_.life] {
        life->End();
        events_.After(absl::ZeroDuration(), [this] { EndCoordinator(absl::Milliseconds(300)); });
      }});
  coordinator_.host = std::make_unique<CoordinatorHost>(CoordinatorHost::Options{
      .store = &store_,
      .files = coordinator_.disk.get(),
      .events = &events_,
      .life = coordinator_.life,
      .jobs_directory = kJobs,
      .leases = {.server = absl::Seconds(1), .worker = absl::Milliseconds(500), .silence = absl::Milliseconds(300)},
      .stall_limit = absl::Seconds(20),
      .disk_time = disk_time_,
      .on_crash = [this] { EndCoordinator(absl::Milliseconds(300)); }});
}

Session::Options Cluster::SessionAt(Place place, const LifeRef& life) {
  return {.place = place,
          .life = life,
          .events = &events_,
          .network = &network_,
          .coordinator_place = kCoordinatorPlace,
          .coordinator = [this] { return coordinator_.host.get(); },
          .coordinator_life = [this] { return coordinator_.life; }};
}

void Cluster::StartServer(uint32_t index) {
  ServerPlace& place = servers_[index];
  if (place.process != nullptr) return;
  const LifeRef life = std::make_shared<Life>(&events_);
  const Incarnation incarnation(++lives_);
  place.disk = std::make_unique<ProcessDisk>(
      ProcessDisk::Options{.disk = &disk_, .full = &disk_full_, .on_death = [this, index, life] {
                             life->End();
                             events_.After(absl::ZeroDuration(), [this, index] {
                               EndServer(index, absl::ZeroDuration(), absl::Milliseconds(300));
                             });
                           }});
  ServerProcess::Options options = {.name = absl::StrCat("server-", index),
                                    .place = server_place(index),
                                    .incarnation = incarnation,
                                    .host = {.job = &job_,
                                             .shards = shards_,
                                             .pool_bytes = pool_bytes_,
                                             .disk_time = disk_time_,
                                             .events = &events_,
                                             .life = life,
                                             .files = place.disk.get()},
                                    .network = &network_,
                                    .find = [this](const std::string& name) { return FindServer(name); }};
  options.on_told = [this, incarnation](const ToWorker& message) { witness_.OnTold(incarnation, message); };
  options.on_entry = [this](const Entry& entry) { witness_.OnEntry(entry); };
  options.on_sum = [this](const Sum& sum) { witness_.OnSum(sum); };
  options.on_exit = [this, index, life] {
    life->End();
    ++outcome_.counts["drained servers"];
    events_.After(absl::ZeroDuration(), [this, index] {
      EndServer(index, absl::ZeroDuration(), absl::Milliseconds(100 + events_.Draw(1000)));
    });
  };
  place.process = std::make_unique<ServerProcess>(std::move(options), SessionAt(server_place(index), life));
}

void Cluster::StartWorker(uint32_t index) {
  if (workers_[index] != nullptr) return;
  const LifeRef life = std::make_shared<Life>(&events_);
  WorkerProcess::Options options = {.name = absl::StrCat("worker-", index),
                                    .place = worker_place(index),
                                    .incarnation = Incarnation(++lives_),
                                    .host = worker_shapes_[index],
                                    .network = &network_,
                                    .find = [this](const std::string& name) { return FindServer(name); },
                                    .on_exit = [this, index, life] {
                                      life->End();
                                      events_.After(absl::ZeroDuration(), [this, index] {
                                        EndWorker(index, absl::ZeroDuration(), absl::Milliseconds(50));
                                      });
                                    }};
  options.host.life = life;
  workers_[index] = std::make_unique<WorkerProcess>(std::move(options), SessionAt(worker_place(index), life));
}

void Cluster::EndCoordinator(absl::Duration down) {
  if (coordinator_.host == nullptr) return;
  ++outcome_.counts["coordinator deaths"];
  coordinator_.life->End();
  store_.Crash();
  dead_coordinators_.push_back(std::move(coordinator_));
  coordinator_ = {};
  network_.EndAll(kCoordinatorPlace, absl::ZeroDuration());
  events_.After(down, [this] { StartCoordinator(); });
}

void Cluster::EndServer(uint32_t index, absl::Duration silence, absl::Duration down) {
  ServerPlace& place = servers_[index];
  if (place.process == nullptr) return;
  ++outcome_.counts["server deaths"];
  place.process->life()->End();
  Look();
  dead_servers_.push_back(std::move(place));
  place = {};
  network_.EndAll(server_place(index), silence);
  events_.After(down, [this, index] { StartServer(index); });
}

void Cluster::EndWorker(uint32_t index, absl::Duration silence, absl::Duration down) {
  if (workers_[index] == nullptr) return;
  ++outcome_.counts["worker deaths"];
  workers_[index]->life()->End();
  Look();
  dead_workers_.push_back(std::move(workers_[index]));
  network_.EndAll(worker_place(index), silence);
  events_.After(down, [this, index] { StartWorker(index); });
}

ServerProcess* Cluster::FindServer(const std::string& endpoint) const {
  for (uint32_t i = 0; i < servers_.size(); ++i) {
    if (endpoint == absl::StrCat("server-", i)) return servers_[i].process.get();
  }
  return nullptr;
}

LifeRef Cluster::LifeAt(Place place) const {
  if (place == kCoordinatorPlace) return coordinator_.life;
  if (place <= servers_.size()) {
    const ServerPlace& server = servers_[place - 1];
    return server.process == nullptr ? nullptr : server.process->life();
  }
  const auto& worker = workers_[place - 1 - servers_.size()];
  return worker == nullptr ? nullptr : worker->life();
}

// ---- People.

void Cluster::Ask(std::function<void(coordinator::Decider&, coordinator::Decider::Now)> question,
                  std::function<void()> answered) {
  if (coordinator_.host != nullptr) coordinator_.host->Ask(std::move(question), std::move(answered));
}

// Empty: equal shares.
std::vector<uint32_t> Cluster::LeafPlan() {
  const auto workers = static_cast<uint32_t>(workers_.size());
  const uint32_t leaves = job_.plan().leaves;
  if (!options_.profile.uneven || leaves < workers) return {};
  std::vector<uint32_t> shares(workers, 1);
  for (uint32_t rest = leaves - workers; rest > 0; --rest) ++shares[Shape(workers)];
  return shares;
}

void Cluster::Operate() {
  events_.After(kOperate, [this] { Operate(); });
  Look();
  const coordinator::JobRecord* const record = store_.job();
  if (record == nullptr) {
    v1::Job job = config::WithDefaults(job_.file());
    job.mutable_run()->mutable_servers()->set_count(ServersToUse());
    job.mutable_run()->mutable_servers()->set_replicas(replicas_);
    return Ask([this, job, leaf_plan = LeafPlan()](coordinator::Decider& decider, coordinator::Decider::Now now) {
      const absl::StatusOr<std::string> id = decider.cluster().Submit(job, leaf_plan, "the job", now);
      if (!id.ok()) outcome_.trouble += id.status().ToString();
      CreateDirectories(disk_, JoinPath(kJobs, kJob)).IgnoreError();
    });
  }
  if (options_.profile.amid && record->state == JobState::kRunning) LetFaultsHappen();
  const bool failed = record->state == JobState::kFailed;
  if (failed && !(disk_was_full_ && absl::StrContains(record->reason, "No space left"))) {
    absl::StrAppend(&outcome_.trouble, "the job failed: ", record->reason, "; ");
  }
  if (!failed && record->state != JobState::kStopped) {
    resume_at_ = absl::InfiniteFuture();
    return;
  }
  resume_at_ = std::min(resume_at_, events_.now() + absl::Milliseconds(200 + Shape(1000)));
  if (events_.now() < resume_at_ || disk_full_) return;
  v1::Run run = record->job.run();
  run.mutable_servers()->set_count(ServersToUse());
  Ask([this, run](coordinator::Decider& decider, coordinator::Decider::Now now) {
    if (decider.cluster().Resume(kJob, &run, {}, now).ok()) ++outcome_.counts["resumptions"];
  });
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

void Cluster::Look() {
  outcome_.trouble += store_.trouble();
  outcome_.trouble += witness_.trouble();
  for (const ServerPlace& server : servers_) {
    if (server.process != nullptr && server.process->host() != nullptr) {
      outcome_.trouble += server.process->host()->trouble();
    }
  }
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
  const absl::Time end = absl::UnixEpoch() + kEnd;
  const auto succeeded = [this] { return store_.job() != nullptr && store_.job()->state == JobState::kSucceeded; };
  while (events_.now() < end && !succeeded() && outcome_.trouble.empty()) events_.Step();
  outcome_.succeeded = succeeded();
  outcome_.took = events_.now() - absl::UnixEpoch();
  Finish();
  return std::move(outcome_);
}

void Cluster::Finish() {
  const coordinator::JobRecord* const record = store_.job();
  outcome_.counts["events"] = events_.count();
  outcome_.counts["broken streams"] = network_.breaks();
  outcome_.counts["terms"] = record == nullptr ? 0 : record->term;
  outcome_.counts["epochs"] = record == nullptr ? 0 : record->map.epoch;
  if (record != nullptr) {
    const auto survived = record->counters.find("servers_survived");
    if (survived != record->counters.end()) outcome_.counts["promotions"] += survived->second;
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
  if (outcome_.succeeded) return CheckResult(job_, store_, witness_, options_.profile.authors, disk_, outcome_);
  if (record == nullptr) return;
  absl::StrAppend(&outcome_.trouble, "after ", absl::FormatDuration(outcome_.took), " the job is ",
                  std::string(coordinator::JobStateName(record->state)), " at line ", store_.lines().size(), ", ",
                  record->reason, "; ");
  for (const auto& worker : workers_) {
    if (worker == nullptr || worker->host() == nullptr) continue;
    const worker::StepMachine& machine = worker->host()->machine();
    absl::StrAppend(&outcome_.trouble, "worker in term ", machine.term(), " at step ", machine.open_step(), ": ");
    for (const Wait& wait : machine.Waits()) absl::StrAppend(&outcome_.trouble, wait.detail, "; ");
  }
}

}  // namespace banyan::simulator
