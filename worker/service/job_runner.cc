#include "worker/service/job_runner.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/logging/logging.h"
#include "common/rpc/session_codec.h"
#include "proto/cluster.pb.h"
#include "worker/data/open_dataset.h"

namespace banyan::worker {

JobRunner::JobRunner(Options options, const Needs& needs, const v1::ResolvedJob& job)
    : options_(std::move(options)),
      needs_(needs),
      job_id_(job.id()),
      job_(std::make_unique<v1::ResolvedJob>(job)),
      told_(std::make_unique<v1::ResolvedJob>(job)),
      thread_([this] { Run(); }) {}

JobRunner::~JobRunner() {
  {
    MutexLock lock(mutex_);
    left_ = true;
    if (loop_ != nullptr) loop_->Leave();
    changed_.SignalAll();
  }
  thread_.join();
}

void JobRunner::OnCommand(const v1::JobCommand& command, uint64_t coordinator_term) {
  absl::StatusOr<JobOrder> order = DecodeJobOrder(command, coordinator_term);
  MutexLock lock(mutex_);
  if (!order.ok()) {
    log::Error("the coordinator's command is not understood: {}", std::string(order.status().message()));
    return;
  }
  facts_wanted_ = facts_wanted_ || order->index_data;
  *told_ = command.job();
  if (loop_ != nullptr) {
    loop_->OnOrder(*std::move(order));
  } else {
    order_ = *std::move(order);
  }
  changed_.SignalAll();
}

JobReport JobRunner::Report(bool first) const {
  MutexLock lock(mutex_);
  JobReport report = loop_ != nullptr ? loop_->Report() : JobReport();
  if (loop_ != nullptr) report.audits = loop_->TakeAudits(first);
  if (facts_wanted_) report.data = facts_;
  report.failure = failure_;
  return report;
}

void JobRunner::Run() {
  absl::Status status = Prepare();
  StepLoop* loop = nullptr;
  if (status.ok()) {
    MutexLock lock(mutex_);
    loop = left_ ? nullptr : loop_.get();
  }
  if (loop != nullptr) status = loop->Run();
  if (!status.ok()) {
    log::Error("job {}: {}", job_id_, std::string(status.message()));
    {
      MutexLock lock(mutex_);
      failure_ = std::string(status.message());
    }
    options_.on_news();
    return;
  }
  options_.on_over();
}

bool JobRunner::WaitForFacts() {
  MutexLock lock(mutex_);
  while (!left_ && told_->data().hash().empty()) changed_.Wait(mutex_);
  if (left_) return false;
  *job_ = *told_;
  return true;
}

absl::Status JobRunner::Prepare() {
  ASSIGN_OR_RETURN(data_, OpenDataset(job_->job().recipe(), {.files = *needs_.files,
                                                                 .roots = *needs_.roots,
                                                                 .index_directory = options_.index_directory}));
  {
    MutexLock lock(mutex_);
    facts_ = data_->facts();
  }
  options_.on_news();
  if (!WaitForFacts()) return absl::OkStatus();
  const DataFacts facts = DecodeDataFacts(job_->data());
  if (data_->facts() != facts) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the data here are not the job's: hash ", data_->facts().hash, " with ", data_->facts().samples,
        " samples, the job has hash ", facts.hash, " with ", facts.samples, "; give every worker the same files"));
  }
  if (!job_->device_kind().empty() && job_->device_kind() != needs_.device->kind()) {
    return absl::FailedPreconditionError(absl::StrCat("the job's bits are those of device '", job_->device_kind(),
                                                      "', this worker's device is '", needs_.device->kind(), "'"));
  }
  ASSIGN_OR_RETURN(JobPlan plan, JobPlan::Make(job_->job(), facts, needs_.device->kind()));
  plan_ = std::make_unique<const JobPlan>(std::move(plan));
  ASSIGN_OR_RETURN(auto loop, StepLoop::Create({.job = job_id_,
                                                .worker = options_.worker,
                                                .incarnation = options_.incarnation,
                                                .threads = options_.threads,
                                                .level = options_.level,
                                                .audit = job_->job().run().audit(),
                                                .on_news = options_.on_news},
                                               {.plan = plan_.get(),
                                                .data = data_.get(),
                                                .device = needs_.device,
                                                .factory = needs_.factory,
                                                .connector = needs_.connector,
                                                .clock = needs_.clock}));
  MutexLock lock(mutex_);
  if (order_) loop->OnOrder(*std::exchange(order_, std::nullopt));
  loop_ = std::move(loop);
  return absl::OkStatus();
}

}  // namespace banyan::worker
