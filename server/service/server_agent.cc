#include "server/service/server_agent.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/logging/logging.h"
#include "common/process/self.h"
#include "common/rpc/session_codec.h"

namespace banyan::server {
namespace {

// From here on jobs keep their entries for the next report: a message may not be larger than kMaxMessageBytes.
constexpr size_t kReportBytes = 4 << 20;

}  // namespace

ServerAgent::ServerAgent(Options options) : options_(std::move(options)), connector_(options_.token) {
  for (uint32_t i = 0; i < options_.executors; ++i) executors_.push_back(std::make_unique<Executor>());
}

ServerAgent::~ServerAgent() {
  StopJobs();
  // Shards and the disk post to each other.
  for (const auto& executor : executors_) executor->Stop();
  disk_.Stop();
}

void ServerAgent::StopJobs() {
  MutexLock lock(mutex_);
  for (const auto& [id, job] : jobs_) {
    if (job.host != nullptr) job.host->Stop();
  }
}

bool ServerAgent::HasJobs() {
  MutexLock lock(mutex_);
  return !jobs_.empty();
}

void ServerAgent::OnCommand(const v1::Command& command) {
  bool leave = false;
  {
    MutexLock lock(mutex_);
    if (command.coordinator_term() < coordinator_term_) {
      log::Warning("refused a command of coordinator term {}, this server obeys term {}", command.coordinator_term(),
                   coordinator_term_);
      return;
    }
    coordinator_term_ = command.coordinator_term();
    if (command.id() != 0) id_ = ServerId(command.id());
    std::set<std::string> named;
    for (const v1::JobCommand& job : command.jobs()) {
      named.insert(job.job().id());
      OnJob(job, command.coordinator_term());
    }
    for (auto it = jobs_.begin(); it != jobs_.end();) {
      const auto job = it++;
      if (named.contains(job->first)) continue;
      log::Info("job {}: dropped", job->first);
      if (job->second.host != nullptr) job->second.host->Stop();
      jobs_.erase(job);
    }
    leave = command.leave();
  }
  if (leave && options_.leave) options_.leave("the coordinator said so");
}

void ServerAgent::OnJob(const v1::JobCommand& command, uint64_t coordinator_term) {
  const std::string& id = command.job().id();
  Job& job = jobs_[id];
  job.term = command.term();
  absl::StatusOr<JobOrder> order = DecodeJobOrder(command, coordinator_term);
  if (!order.ok()) {
    job.failure = absl::StrCat("command: ", std::string(order.status().message()));
    return;
  }
  // Begun anew: what its steps were made of may have changed.
  if (job.host != nullptr && job.life != command.job().life()) {
    log::Info("job {}: begun anew", id);
    job.host->Stop();
    job.host = nullptr;
    job.failure.clear();
  }
  job.life = command.job().life();
  if (job.host == nullptr) {
    absl::StatusOr<std::shared_ptr<const JobFacts>> facts =
        JobFacts::Make(command.job(), *options_.files, *options_.roots);
    if (!facts.ok()) {
      job.failure = std::string(facts.status().message());
      return;
    }
    job.host = MakeHost(*std::move(facts));
    log::Info("job {}: taken, {} chunks", id, job.host->chunk_count());
  }
  if (order->map.has_value()) {
    const uint64_t bytes = job.host->BytesNeeded(*order->map);
    job.failure = Admit(job, bytes);
    if (!job.failure.empty()) return;
    job.needed_bytes = bytes;
  }
  job.host->OnOrder(*order);
}

std::string ServerAgent::Admit(const Job& job, uint64_t bytes) const {
  if (options_.memory_bytes == 0) return "";
  uint64_t others = 0;
  for (const auto& [id, other] : jobs_) {
    if (&other != &job) others += other.needed_bytes;
  }
  if (others + bytes <= options_.memory_bytes) return "";
  return absl::StrCat("the job's chunks need ", bytes, " bytes on server '", options_.process.name(),
                      "', which may use ", options_.memory_bytes, " (--memory-bytes) and has given ", others,
                      " to other jobs");
}

std::shared_ptr<JobHost> ServerAgent::MakeHost(std::shared_ptr<const JobFacts> facts) {
  std::vector<Executor*> executors;
  for (const auto& executor : executors_) executors.push_back(executor.get());
  return JobHost::Create({.facts = std::move(facts),
                          .server = id_,
                          .incarnation = Incarnation(options_.process.incarnation()),
                          .executors = std::move(executors),
                          .disk = &disk_,
                          .connector = &connector_,
                          .files = options_.files,
                          .level = options_.level,
                          .pool_bytes = options_.pool_bytes,
                          .report_soon = options_.report_soon});
}

v1::Report ServerAgent::MakeReport(bool first) {
  v1::Report report;
  *report.mutable_process() = options_.process;
  (*report.mutable_metrics())["peak_rss_bytes"] = static_cast<double>(PeakMemoryBytes());
  MutexLock lock(mutex_);
  report.set_coordinator_term(coordinator_term_);
  report.set_draining(draining_);
  size_t bytes = 0;
  for (auto& [id, job] : jobs_) {
    JobReport one{.term = job.term};
    if (job.host != nullptr) {
      if (first) job.host->OnSession();
      one = job.host->TakeReport(/*with_entries=*/bytes < kReportBytes);
      job.counters = one.counters;
    }
    // A job that cannot run here says so at the term that it was asked to begin.
    if (!job.failure.empty()) {
      one.failure = job.failure;
      one.term = job.term;
    }
    if (one.ready && !job.ready) log::Info("job {}: ready at term {}", id, one.term);
    job.ready = one.ready;
    v1::JobReport& message = *report.add_jobs();
    message = EncodeJobReport(id, one);
    bytes += message.ByteSizeLong();
  }
  return report;
}

void ServerAgent::OnTick(absl::Time now) {
  MutexLock lock(mutex_);
  for (const auto& executor : executors_) executor->OnTick(now);
  disk_.OnTick(now);
  for (const auto& [id, job] : jobs_) {
    if (job.host != nullptr) job.host->OnTick(now);
  }
}

void ServerAgent::Drain() {
  MutexLock lock(mutex_);
  draining_ = true;
}

std::shared_ptr<JobHost> ServerAgent::Find(const std::string& job) {
  MutexLock lock(mutex_);
  const auto found = jobs_.find(job);
  return found == jobs_.end() ? nullptr : found->second.host;
}

std::vector<MetricSample> ServerAgent::Metrics() {
  std::vector<MetricSample> samples;
  size_t queued = 0;
  for (const auto& executor : executors_) queued += executor->queued();
  samples.push_back({.name = "banyan_server_queued_tasks", .value = static_cast<double>(queued)});
  samples.push_back({.name = "banyan_server_disk_queued_tasks", .value = static_cast<double>(disk_.queued())});
  MutexLock lock(mutex_);
  samples.push_back({.name = "banyan_server_jobs", .value = static_cast<double>(jobs_.size())});
  for (const auto& [id, job] : jobs_) {
    if (job.host == nullptr) continue;
    const auto add = [&, &id = id](const std::string& name, double value) {
      samples.push_back({.name = "banyan_server_" + name, .value = value, .labels = {{"job_id", id}}});
    };
    add("memory_bytes", static_cast<double>(job.host->memory_bytes()));
    add("open_streams", static_cast<double>(job.host->open_streams()));
    for (const auto& [name, value] : job.counters) add(name, static_cast<double>(value));
  }
  return samples;
}

}  // namespace banyan::server
