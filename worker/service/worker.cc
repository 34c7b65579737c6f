#include "worker/service/worker.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "common/process/self.h"
#include "common/rpc/session_codec.h"
#include "proto/cluster.pb.h"

namespace banyan::worker {
namespace {

constexpr size_t kMaxLogLines = 1000;

}  // namespace

Worker::Worker(Options options, const Needs& needs) : options_(std::move(options)), needs_(needs), connector_(options_.token) {}

Worker::~Worker() = default;

void Worker::Run() {
  {
    MutexLock lock(mutex_);  // the handlers take it, so they find session_ set
    session_ = std::make_unique<SessionClient>(
        SessionClient::Options{.coordinator = options_.coordinator, .token = options_.token},
        SessionClient::Handlers{.make_report = [this](bool first) { return MakeReport(first); },
                                .on_command = [this](const v1::Command& command) { OnCommand(command); },
                                .on_lost = [this](const absl::Status& status) {
                                  MutexLock lock(mutex_);
                                  if (std::exchange(reached_, false)) {
                                    log::Warning("lost the coordinator at {}: {}", options_.coordinator,
                                                 std::string(status.message()));
                                  }
                                }});
  }
  needs_.watch->Wait();
  {
    MutexLock lock(mutex_);
    draining_ = true;
    const absl::Duration deadline = needs_.clock->Monotonic() + options_.patience;
    if (!over_ && runner_ != nullptr) {
      log::Info("leaving ({}): waiting for the coordinator to take this worker out of job {}", needs_.watch->reason(),
                runner_->job());
      session_->ReportNow();
    }
    while (!over_ && runner_ != nullptr && needs_.clock->Monotonic() < deadline) {
      changed_.WaitFor(mutex_, deadline - needs_.clock->Monotonic());
    }
  }
  {
    MutexLock lock(mutex_);
    over_ = true;
  }
  // A report that is being made holds the runner, and the runner asks for reports while it lives.
  session_->Stop();
  std::shared_ptr<JobRunner> runner;
  {
    MutexLock lock(mutex_);
    runner = std::move(runner_);
  }
  runner.reset();
}

void Worker::AddLog(const log::Line& line) {
  MutexLock lock(log_mutex_);
  if (log_.size() == kMaxLogLines) log_.pop_front();
  log_.push_back(line);
}

v1::Report Worker::MakeReport(bool first) {
  v1::Report report;
  v1::Process& process = *report.mutable_process();
  process.set_role(v1::WORKER);
  process.set_name(options_.name);
  process.set_incarnation(options_.incarnation.value());
  process.set_pid(getpid());
  process.set_host(HostName());
  process.set_build(BuildVersion());
  process.set_device_kind(needs_.device->kind());
  process.set_threads(options_.threads);
  (*report.mutable_metrics())["peak_rss_bytes"] = static_cast<double>(PeakMemoryBytes());
  std::shared_ptr<JobRunner> runner;
  {
    MutexLock lock(mutex_);
    report.set_coordinator_term(coordinator_term_);
    report.set_draining(draining_);
    runner = runner_;
  }
  if (runner != nullptr) *report.add_jobs() = EncodeJobReport(runner->job(), runner->Report(first));
  MutexLock lock(log_mutex_);
  for (const log::Line& line : log_) {
    v1::LogLine& message = *report.add_logs();
    message.set_time(absl::ToDoubleSeconds(line.time - absl::UnixEpoch()));
    message.set_severity(std::string(log::SeverityName(line.severity)));
    message.set_process(options_.name);
    message.set_job(runner != nullptr ? runner->job() : "");
    message.set_text(line.text);
  }
  log_.clear();
  return report;
}

void Worker::OnOver() {
  {
    MutexLock lock(mutex_);
    over_ = true;
    changed_.SignalAll();
  }
  needs_.watch->Request("the job is over");
}

void Worker::OnCommand(const v1::Command& command) {
  bool over = command.leave();
  {
    MutexLock lock(mutex_);
    if (command.coordinator_term() < coordinator_term_ || over_) return;
    coordinator_term_ = command.coordinator_term();
    if (!std::exchange(reached_, true)) log::Info("the coordinator at {} knows this worker", options_.coordinator);
    const auto mine = std::find_if(command.jobs().begin(), command.jobs().end(), [this](const v1::JobCommand& job) {
      return runner_ == nullptr || (job.job().id() == runner_->job() && job.job().life() == life_);
    });
    if (mine == command.jobs().end()) {
      over = over || runner_ != nullptr || draining_;
    } else {
      if (runner_ == nullptr && !draining_) {
        log::Info("takes part in job {}", mine->job().id());
        life_ = mine->job().life();
        runner_ = std::make_shared<JobRunner>(JobRunner::Options{.worker = WorkerId(command.id()),
                                                                 .incarnation = options_.incarnation,
                                                                 .index_directory = options_.index_directory,
                                                                 .threads = options_.threads,
                                                                 .level = options_.level,
                                                                 .on_news = [this] { session_->ReportNow(); },
                                                                 .on_over = [this] { OnOver(); }},
                                              JobRunner::Needs{.device = needs_.device,
                                                               .factory = needs_.factory,
                                                               .connector = &connector_,
                                                               .files = needs_.files,
                                                               .roots = needs_.roots,
                                                               .clock = needs_.clock},
                                              mine->job());
      }
      if (runner_ != nullptr) runner_->OnCommand(*mine, command.coordinator_term());
    }
  }
  if (over) OnOver();
}

}  // namespace banyan::worker
