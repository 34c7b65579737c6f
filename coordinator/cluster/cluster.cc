#include "coordinator/cluster/cluster.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/config/defaults.h"
#include "common/config/job_file.h"
#include "common/file/file_util.h"
#include "coordinator/jobs/job_states.h"

namespace banyan::coordinator {
namespace {

std::string IdOf(uint64_t number) { return absl::StrCat("j", number); }

}  // namespace

// A number belongs to a folder too: one that an older store's job left behind is no new job's.
uint64_t Cluster::NextNumber() const {
  return std::max(options_.first_number, jobs_.empty() ? 1 : jobs_.rbegin()->first + 1);
}

JobMachine::Options Cluster::OptionsFor(const std::string& id) const {
  return {.coordinator_term = options_.coordinator_term,
          .checkpoint_directory = JoinPath(options_.jobs_directory, id),
          .stall_limit = options_.stall_limit,
          .reclaim = options_.leases.worker,
          .give_up = options_.leases.server,
          .accused = options_.leases.worker,
          .cut_off = options_.leases.server,
          .silence = options_.leases.silence,
          .pinned = [this, id] { return SourcesIn(id); }};
}

// Of forks that have not read all of them.
std::set<CheckpointName> Cluster::SourcesIn(const std::string& id) const {
  std::set<CheckpointName> sources;
  for (const auto& [number, job] : jobs_) {
    const std::optional<JobRecord::Fork>& fork = job->record().fork;
    if (!Replays(job->record()) || fork->parent != id) continue;
    const auto name = CheckpointName::Parse(BaseName(fork->source.directory));
    if (name.has_value()) sources.insert(*name);
  }
  return sources;
}

void Cluster::RestoreJob(JobRecord record, Step lines_through, Now now) {
  const uint64_t number = record.number;
  JobMachine::Options options = OptionsFor(record.id);
  jobs_[number] = std::make_unique<JobMachine>(std::move(record), std::move(options), lines_through, effects_, now);
}

// ---- Processes.

uint64_t Cluster::Hear(const Heard& heard, Now now) {
  const Role role = heard.introduction.role;
  const Members::Arrival arrival = members_.Hear(heard.introduction, heard.draining, now.monotonic);
  if (arrival.new_id) options_.store_id(role, heard.introduction.name, arrival.id);
  // A new life of a process knows nothing of the old one's jobs.
  if (arrival.came) Remove(role, arrival.id, /*lost=*/true, "another life of it came", now);
  if (arrival.came && role == Role::kServer) {
    for (const auto& [number, job] : jobs_) job->Meet(*members_.Find(role, arrival.id), now);
  }
  // A worker's leaves are others' at once; a server's chunks must move first.
  if (heard.draining && role == Role::kWorker) Remove(role, arrival.id, /*lost=*/false, "", now);
  Distribute(now);
  if (heard.draining && role == Role::kServer) {
    for (const auto& [number, job] : jobs_) job->DrainServer(ServerId(arrival.id), now);
  }
  for (const auto& [id, report] : heard.jobs) {
    for (const auto& [number, job] : jobs_) {
      if (job->record().id == id) job->OnReport(role, arrival.id, report, heard.rss_bytes, now);
    }
  }
  // Jobs may have ended.
  Distribute(now);
  return arrival.id;
}

void Cluster::Leave(Role role, uint64_t id, Incarnation incarnation, Now now) {
  if (!members_.Leave(role, id, incarnation)) return;
  Remove(role, id, /*lost=*/true, "its session ended", now);
  Distribute(now);
}

void Cluster::Remove(Role role, uint64_t id, bool lost, const std::string& why, Now now) {
  for (const auto& [number, job] : jobs_) {
    if (role == Role::kServer) {
      job->RemoveServer(ServerId(id), now, why);
    } else {
      job->RemoveWorker(WorkerId(id), lost, now);
    }
  }
}

void Cluster::Tick(Now now) {
  for (const auto& [role, id] : members_.Expire(now.monotonic)) {
    Remove(role, id, /*lost=*/true, "its lease ran out", now);
  }
  Suspect(now);
  Distribute(now);
  for (const auto& [number, job] : jobs_) job->OnTick(BusyElsewhere(*job, now), now);
}

void Cluster::Suspect(Now now) {
  for (const Members::Member* server : members_.Alive(Role::kServer)) {
    for (const auto& [number, job] : jobs_) {
      const JobMachine::Suspicion suspicion = job->Suspect(*server, now);
      if (suspicion.of == JobMachine::Suspicion::Of::kNothing) continue;
      if (suspicion.of == JobMachine::Suspicion::Of::kSilent) {
        members_.Suspect(server->id, now.monotonic);
      } else {
        members_.Bar(server->id, now.monotonic);
      }
      job->RemoveServer(ServerId(server->id), now, suspicion.why);
    }
  }
}

std::map<std::string, JobOrder> Cluster::OrdersFor(Role role, uint64_t id) const {
  std::map<std::string, JobOrder> orders;
  for (const auto& [number, job] : jobs_) {
    if (std::optional<JobOrder> order = job->OrderFor(role, id)) orders[job->record().id] = *std::move(order);
  }
  return orders;
}

std::vector<std::string> Cluster::JobsOf(Role role, uint64_t id) const {
  std::vector<std::string> jobs;
  for (const auto& [number, job] : jobs_) {
    if (job->Has(role, id)) jobs.push_back(job->record().id);
  }
  return jobs;
}

bool Cluster::MayLeave(Role role, uint64_t id) const {
  const Members::Member* member = members_.Find(role, id);
  if (member == nullptr || !JobsOf(role, id).empty()) return false;
  if (member->draining) return true;
  // It may never have heard of the job that it was for, and so does not know that it is over.
  const auto use = uses_.find(id);
  return role == Role::kWorker && use != uses_.end() && use->second.incarnation == member->introduction.incarnation;
}

// ---- Who works for which job.

std::vector<const Members::Member*> Cluster::FreeServers(const JobMachine& job, Now now) const {
  const auto barred = [&](const Members::Member* server) { return server->barred_until > now.monotonic; };
  // A job that cannot go on without it has nothing to lose by one that its peers could not reach.
  std::vector<const Members::Member*> free;
  for (const Members::Member* server : members_.Alive(Role::kServer)) {
    if (server->draining || server->suspected || (barred(server) && !job.waits())) continue;
    if (!job.Has(Role::kServer, server->id) && job.AcceptsServer(*server, now)) free.push_back(server);
  }
  // Barred ones last; then those with the fewest jobs first.
  std::stable_sort(free.begin(), free.end(), [&](const Members::Member* a, const Members::Member* b) {
    return std::pair(barred(a), JobsOf(Role::kServer, a->id).size()) <
           std::pair(barred(b), JobsOf(Role::kServer, b->id).size());
  });
  return free;
}

std::vector<const Members::Member*> Cluster::IdleWorkers(const JobMachine& job) const {
  std::map<std::string, std::vector<const Members::Member*>> by_kind;
  for (const Members::Member* worker : members_.Alive(Role::kWorker)) {
    if (worker->draining || !job.AcceptsKind(worker->introduction.device_kind)) continue;
    if (!JobsOf(Role::kWorker, worker->id).empty()) continue;
    // One that had another job, or this one in an older life, ends, and comes again as new.
    const auto use = uses_.find(worker->id);
    const bool spent = use != uses_.end() && use->second.incarnation == worker->introduction.incarnation &&
                       use->second != UseFor(job, *worker);
    if (!spent) by_kind[worker->introduction.device_kind].push_back(worker);
  }
  // A job has the bits of one device kind; one that is free to choose takes that of which there is most.
  const auto most = std::max_element(by_kind.begin(), by_kind.end(), [](const auto& a, const auto& b) {
    return a.second.size() < b.second.size();
  });
  return most == by_kind.end() ? std::vector<const Members::Member*>() : most->second;
}

Cluster::Use Cluster::UseFor(const JobMachine& job, const Members::Member& worker) {
  return {.incarnation = worker.introduction.incarnation, .job = job.record().id, .life = job.record().life};
}

std::string Cluster::Lacking(const JobMachine& job, Now now) const {
  const uint32_t servers = job.servers_wanted(now);
  const uint32_t least = job.least_workers();
  const size_t free = FreeServers(job, now).size();
  const size_t idle = job.workers() + IdleWorkers(job).size();
  if (free >= servers && idle >= least) return "";
  std::vector<std::string> needs;
  const auto need = [&](size_t wanted, const char* what, size_t have, const char* how) {
    if (have < wanted) needs.push_back(absl::StrCat(wanted, " ", what, wanted == 1 ? "" : "s", " (", have, " ", how, ")"));
  };
  need(servers, "server", free, "free");
  need(least, "worker", idle, "idle");
  return absl::StrCat("needs ", absl::StrJoin(needs, " and "));
}

void Cluster::Fill(JobMachine& job, Now now) {
  std::vector<const Members::Member*> servers = FreeServers(job, now);
  servers.resize(std::min<size_t>(servers.size(), job.servers_wanted(now)));
  for (const Members::Member* server : servers) job.AddServer(*server, now);
  std::vector<const Members::Member*> workers = IdleWorkers(job);
  workers.resize(std::min<size_t>(workers.size(), job.workers_wanted()));
  for (const Members::Member* worker : workers) {
    uses_[worker->id] = UseFor(job, *worker);
    job.AddWorker(*worker, now);
  }
}

void Cluster::Distribute(Now now) {
  for (const auto& [number, job] : jobs_) {
    const JobState state = job->record().state;
    const std::string lacking = job->waits() ? Lacking(*job, now) : "";
    job->TellLacking(lacking);
    // One in the queue begins when all that it needs is there.
    if (IsActive(state) || (state == JobState::kQueued && lacking.empty())) Fill(*job, now);
    job->Proceed(now);
  }
}

bool Cluster::BusyElsewhere(const JobMachine& job, Now now) const {
  size_t workers = 0;
  for (const Members::Member* worker : members_.Alive(Role::kWorker)) {
    if (!worker->draining && job.AcceptsKind(worker->introduction.device_kind)) ++workers;
  }
  return FreeServers(job, now).size() >= job.servers_wanted(now) && workers >= job.least_workers();
}

// ---- Jobs.

const JobMachine* Cluster::SubmittedAs(const std::string& key) const {
  for (const auto& [number, known] : jobs_) {
    if (!key.empty() && known->record().idempotency_key == key) return known.get();
  }
  return nullptr;
}

absl::Status Cluster::CheckJob(const v1::Job& job, const std::vector<uint32_t>& leaf_plan) const {
  if (job.name() == IdOf(NextNumber()) || job.name() == "@last") {
    return absl::InvalidArgumentError(absl::StrCat("name: '", job.name(), "' is the id of a job; use another"));
  }
  if (leaf_plan.empty()) return absl::OkStatus();
  const v1::Batch& batch = job.recipe().batch();
  const uint64_t leaves = (batch.samples() - 1) / batch.leaf() + 1;
  RETURN_IF_ERROR(Assigner(Tree(static_cast<uint32_t>(leaves)), 1).CheckLeafPlan(leaf_plan));
  const v1::Workers& workers = job.run().workers();
  if (!workers.has_max() || workers.max() >= leaf_plan.size()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("leaf plan is for ", leaf_plan.size(),
                                                 " workers, run.workers.max is ", workers.max()));
}

std::string Cluster::Enqueue(JobRecord record, const std::string& key, Step lines_through, Now now) {
  record.number = NextNumber();
  record.id = IdOf(record.number);
  record.idempotency_key = key;
  record.submitted = now.wall;
  const std::string id = record.id;
  effects_.Persist(record);
  if (record.fork.has_value()) effects_.CopyLines(record.fork->parent, id, lines_through);
  effects_.WriteEvent(id, {.time = now.wall, .type = std::string(JobStateName(JobState::kQueued))});
  RestoreJob(std::move(record), lines_through, now);
  Distribute(now);
  return id;
}

absl::StatusOr<std::string> Cluster::Submit(const v1::Job& job, std::vector<uint32_t> leaf_plan,
                                            const std::string& key, Now now) {
  if (const JobMachine* known = SubmittedAs(key)) return known->record().id;
  RETURN_IF_ERROR(config::ValidateJob(job).ToStatus());
  JobRecord record;
  record.job = config::WithDefaults(job);
  RETURN_IF_ERROR(CheckJob(record.job, leaf_plan));
  record.leaf_plan = std::move(leaf_plan);
  return Enqueue(std::move(record), key, 0, now);
}

absl::StatusOr<std::string> Cluster::Fork(const std::string& parent, ForkRequest request, const std::string& key,
                                          Now now) {
  if (const JobMachine* known = SubmittedAs(key)) return known->record().id;
  const JobMachine* const job = Job(parent);
  if (job == nullptr) return absl::NotFoundError(absl::StrCat("job '", parent, "' is not known"));
  RETURN_IF_ERROR(config::ValidateJob(request.job).ToStatus());
  request.job = config::WithDefaults(std::move(request.job));
  RETURN_IF_ERROR(CheckJob(request.job, request.leaf_plan));
  const Step step = request.step;
  RETURN_IF_ERROR(CheckForkStep(job->record(), job->step(), step));
  ASSIGN_OR_RETURN(JobRecord record, MakeFork(job->record(), std::move(request)));
  return Enqueue(std::move(record), key, step, now);
}

absl::Status Cluster::Change(const std::string& id, Now now,
                             const std::function<absl::Status(JobMachine&)>& change) {
  for (const auto& [number, job] : jobs_) {
    if (job->record().id != id) continue;
    RETURN_IF_ERROR(change(*job));
    Distribute(now);
    return absl::OkStatus();
  }
  return absl::NotFoundError(absl::StrCat("job '", id, "' is not known"));
}

absl::Status Cluster::Stop(const std::string& id, bool at_once, Now now) {
  return Change(id, now, [&](JobMachine& job) { return job.Stop(at_once, now); });
}

absl::Status Cluster::Pause(const std::string& id, Now now) {
  return Change(id, now, [&](JobMachine& job) { return job.Pause(now); });
}

absl::Status Cluster::Resume(const std::string& id, const v1::Run* run, std::vector<uint32_t> leaf_plan, Now now) {
  return Change(id, now, [&](JobMachine& job) -> absl::Status {
    v1::Job resumed = job.record().job;
    if (run != nullptr) *resumed.mutable_run() = *run;
    RETURN_IF_ERROR(config::ValidateJob(resumed).ToStatus());
    resumed = config::WithDefaults(std::move(resumed));
    return job.Resume(&resumed.run(), std::move(leaf_plan), now);
  });
}

absl::Status Cluster::ScaleWorkers(const std::string& id, uint32_t min, uint32_t max, Now now) {
  return Change(id, now, [&](JobMachine& job) -> absl::Status {
    v1::Job scaled = job.record().job;
    v1::Workers& workers = *scaled.mutable_run()->mutable_workers();
    if (max != 0) workers.set_max(max);
    if (min != 0) workers.set_min(min);
    if (min == 0 && workers.has_max()) workers.set_min(std::min(workers.min(), workers.max()));
    RETURN_IF_ERROR(config::ValidateJob(scaled).ToStatus());
    return job.ScaleWorkers(workers.min(), workers.has_max() ? workers.max() : 0, now);
  });
}

absl::Status Cluster::ScaleServers(const std::string& id, uint32_t count, Now now) {
  return Change(id, now, [&](JobMachine& job) -> absl::Status {
    // What could not be submitted could not be resumed either.
    v1::Job scaled = job.record().job;
    scaled.mutable_run()->mutable_servers()->set_count(count);
    RETURN_IF_ERROR(config::ValidateJob(scaled).ToStatus());
    return job.ScaleServers(count, now);
  });
}

void Cluster::OnPublished(const std::string& job, Term term, Step step, const RestorePoint& point,
                          const absl::Status& status, Now now, const std::string& state_hash) {
  for (const auto& [number, known] : jobs_) {
    if (known->record().id == job) known->OnPublished(term, step, point, status, now, state_hash);
  }
  Distribute(now);
}

void Cluster::OnRestorePoint(const std::string& job, Term term, const absl::StatusOr<RestorePoint>& found, Now now) {
  for (const auto& [number, known] : jobs_) {
    if (known->record().id == job) known->OnRestorePoint(term, found, now);
  }
  Distribute(now);
}

const JobMachine* Cluster::Job(const std::string& id) const {
  for (const auto& [number, job] : jobs_) {
    if (job->record().id == id) return job.get();
  }
  return nullptr;
}

std::vector<const JobMachine*> Cluster::Jobs() const {
  std::vector<const JobMachine*> jobs;
  for (const auto& [number, job] : jobs_) jobs.push_back(job.get());
  return jobs;
}

absl::StatusOr<const JobMachine*> Cluster::Find(const std::string& name) const {
  if (jobs_.empty()) {
    return absl::NotFoundError(absl::StrCat("job '", name, "' is not known; none was submitted yet"));
  }
  if (name == "@last") return jobs_.rbegin()->second.get();
  if (const JobMachine* job = Job(name)) return job;
  for (auto job = jobs_.rbegin(); job != jobs_.rend(); ++job) {
    if (job->second->record().job.name() == name) return job->second.get();
  }
  const JobRecord& last = jobs_.rbegin()->second->record();
  return absl::NotFoundError(
      absl::StrCat("job '", name, "' is not known; the last one is '", last.id, "' (", last.job.name(), ")"));
}

}  // namespace banyan::coordinator
