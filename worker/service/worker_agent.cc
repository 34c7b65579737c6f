#include "worker/service/worker_agent.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/job/job_plan.h"
#include "common/logging/logging.h"
#include "common/rpc/session_codec.h"
#include "worker/data/open_dataset.h"

namespace banyan::worker {
namespace {

// How long a spent worker waits for its last report to leave.
constexpr absl::Duration kLastReport = absl::Seconds(1);

}  // namespace

WorkerAgent::WorkerAgent(Options options) : options_(std::move(options)) {}

void WorkerAgent::OnCommand(const v1::Command& command) {
  std::shared_ptr<JobRunner> runner;
  std::optional<JobOrder> order;
  {
    MutexLock lock(mutex_);
    if (command.coordinator_term() < coordinator_term_) return;
    coordinator_term_ = command.coordinator_term();
    if (command.id() != 0) id_ = command.id();
    if (command.leave()) stopping_ = leaving_ = true;
    if (command_ && !Named(command)) taken_away_ = true;
    for (const v1::JobCommand& job : command.jobs()) {
      if (command_ && job.job().id() != command_->job().id()) continue;
      command_ = job;
      absl::StatusOr<JobOrder> decoded = DecodeJobOrder(job, command.coordinator_term());
      if (decoded.ok()) {
        order = *std::move(decoded);
      } else {
        failure_ = absl::StrCat("command: ", std::string(decoded.status().message()));
      }
      break;
    }
    runner = runner_;
    if (runner != nullptr && (taken_away_ || stopping_)) runner->Stop();
  }
  if (runner != nullptr && order) runner->OnOrder(*std::move(order));
  changed_.SignalAll();
}

bool WorkerAgent::Named(const v1::Command& command) const {
  for (const v1::JobCommand& job : command.jobs()) {
    if (job.job().id() == command_->job().id()) return true;
  }
  return false;
}

v1::Report WorkerAgent::MakeReport() {
  v1::Report report;
  *report.mutable_process() = options_.process;
  {
    MutexLock lock(mutex_);
    report.set_coordinator_term(coordinator_term_);
    report.set_draining(draining_);
    if (command_) {
      JobReport one = runner_ != nullptr ? runner_->Report() : last_report_.value_or(JobReport{});
      if (!failure_.empty()) {
        one.failure = failure_;
        one.term = command_->term();
      }
      one.data = facts_;
      *report.add_jobs() = EncodeJobReport(command_->job().id(), one);
    }
    ++reports_;
  }
  changed_.SignalAll();
  return report;
}

void WorkerAgent::Drain() {
  {
    MutexLock lock(mutex_);
    draining_ = true;
  }
  changed_.SignalAll();
  options_.report_soon();
}

void WorkerAgent::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    if (runner_ != nullptr) runner_->Stop();
  }
  changed_.SignalAll();
}

v1::ResolvedJob WorkerAgent::job() const {
  MutexLock lock(mutex_);
  return command_->job();
}

void WorkerAgent::SetFailure(const absl::Status& status) {
  log::Error("{}", std::string(status.message()));
  {
    MutexLock lock(mutex_);
    failure_ = std::string(status.message());
  }
  options_.report_soon();
}

WorkerAgent::Work WorkerAgent::WaitForWork() {
  MutexLock lock(mutex_);
  while (true) {
    if (stopping_ || taken_away_ || (draining_ && !command_)) return Work::kLeave;
    if (command_ && failure_.empty()) {
      if (command_->index_data() && !facts_) return Work::kIndex;
      if (!command_->index_data() && !command_->job().data().hash().empty() && command_->term() > 0) return Work::kRun;
    }
    changed_.Wait(mutex_);
  }
}

bool WorkerAgent::Run() {
  for (Work work = WaitForWork(); work != Work::kLeave; work = WaitForWork()) {
    const absl::Status status = work == Work::kIndex ? Index() : RunJob();
    if (!status.ok() && status.code() != absl::StatusCode::kCancelled) {
      SetFailure(status);
    } else if (work == Work::kIndex) {
      options_.report_soon();
    } else {
      SendLastReport();
      break;
    }
  }
  MutexLock lock(mutex_);
  return leaving_;
}

void WorkerAgent::SendLastReport() {
  options_.report_soon();
  MutexLock lock(mutex_);
  const uint64_t reports = reports_;
  const absl::Duration deadline = options_.clock->Monotonic() + kLastReport;
  while (reports_ == reports && options_.clock->Monotonic() < deadline) changed_.WaitFor(mutex_, kLastReport);
}

absl::Status WorkerAgent::OpenData(const v1::ResolvedJob& job) {
  if (data_ != nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(data_, OpenDataset(job.job().recipe(), *options_.files, *options_.roots, options_.state_directory));
  return absl::OkStatus();
}

absl::Status WorkerAgent::Index() {
  const v1::ResolvedJob resolved = job();
  log::Info("job {}: indexing the data", resolved.id());
  RETURN_IF_ERROR(OpenData(resolved));
  MutexLock lock(mutex_);
  facts_ = data_->facts();
  return absl::OkStatus();
}

absl::Status WorkerAgent::RunJob() {
  const v1::ResolvedJob resolved = job();
  if (!resolved.device_kind().empty() && resolved.device_kind() != options_.device->kind()) {
    return absl::FailedPreconditionError(absl::StrCat("worker '", options_.process.name(), "' computes on '",
                                                      options_.device->kind(), "', the job's bits are those of '",
                                                      resolved.device_kind(), "'"));
  }
  RETURN_IF_ERROR(OpenData(resolved));
  const DataFacts facts = DecodeDataFacts(resolved.data());
  if (data_->facts().hash != facts.hash) {
    return absl::FailedPreconditionError(absl::StrCat("worker '", options_.process.name(), "' has other data: hash ",
                                                      data_->facts().hash, ", the job's is ", facts.hash));
  }
  ASSIGN_OR_RETURN(const JobPlan plan, JobPlan::Make(resolved.job(), facts, options_.device->kind()));
  std::shared_ptr<JobRunner> runner;
  {
    MutexLock lock(mutex_);
    ASSIGN_OR_RETURN(JobOrder order, DecodeJobOrder(*command_, coordinator_term_));
    runner = std::make_shared<JobRunner>(JobRunner::Options{.job = resolved.id(),
                                                            .token = options_.token,
                                                            .worker = WorkerId(id_),
                                                            .incarnation = Incarnation(options_.process.incarnation()),
                                                            .threads = options_.threads,
                                                            .cpu_level = options_.cpu_level,
                                                            .plan = &plan,
                                                            .data = data_.get(),
                                                            .device = options_.device,
                                                            .factory = options_.factory,
                                                            .clock = options_.clock});
    runner_ = runner;
    runner->OnOrder(std::move(order));
    if (stopping_ || taken_away_) runner->Stop();
  }
  log::Info("job {}: taken, {} leaves side by side", resolved.id(), options_.threads);
  const absl::Status status = runner->Run();
  MutexLock lock(mutex_);
  last_report_ = runner->Report();
  runner_ = nullptr;
  return status;
}

}  // namespace banyan::worker
