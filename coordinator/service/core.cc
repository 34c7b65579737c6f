#include "coordinator/service/core.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/checkpoint/hashes.h"
#include "common/file/file_util.h"
#include "common/logging/logging.h"
#include "common/rpc/session_codec.h"
#include "coordinator/jobs/fork.h"
#include "coordinator/service/describe.h"
#include "coordinator/service/publish.h"
#include "coordinator/service/restore_points.h"

namespace banyan::coordinator {
namespace {

// How often a full disk is tried again.
constexpr absl::Duration kSpaceTick = absl::Milliseconds(500);
// However long a lease is: people look at what is reported.
constexpr absl::Duration kMostReportInterval = absl::Milliseconds(200);
// Reports that may be late or lost before a lease is over.
constexpr int kReportsALease = 4;

// After all folders of jobs that there are, should the store they belonged to be gone.
absl::StatusOr<uint64_t> FirstFreeNumber(FileSystem& files, const std::string& jobs_directory) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(jobs_directory));
  uint64_t first = 1;
  for (const std::string& name : names) {
    uint64_t number = 0;
    if (name.starts_with("j") && absl::SimpleAtoi(name.substr(1), &number)) first = std::max(first, number + 1);
  }
  return first;
}

// The hash of the state that a fork begins with.
absl::StatusOr<std::string> StateHash(FileSystem& files, const std::string& directory) {
  ASSIGN_OR_RETURN(const CheckpointReader reader, CheckpointReader::Open(files, directory));
  ASSIGN_OR_RETURN(const CheckpointHashes hashes, ComputeHashes(reader));
  return hashes.state;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Core>> Core::Open(Options options) {
  const std::string jobs = JoinPath(options.state_dir, "jobs");
  RETURN_IF_ERROR(CreateDirectories(*options.files, jobs));
  ASSIGN_OR_RETURN(std::unique_ptr<Store> store, Store::Open(JoinPath(options.state_dir, "coordinator.sqlite")));
  std::unique_ptr<Core> core(new Core(std::move(options), std::move(store), jobs));
  RETURN_IF_ERROR(core->Load());
  core->thread_ = std::jthread([raw = core.get()] { raw->Run(); });
  return core;
}

Core::Core(Options options, std::unique_ptr<Store> store, std::string jobs_directory)
    : options_(std::move(options)),
      store_(std::move(store)),
      jobs_directory_(std::move(jobs_directory)),
      logs_(jobs_directory_) {}

Core::~Core() { Stop(); }

absl::Status Core::Load() {
  ASSIGN_OR_RETURN(const uint64_t first_number, FirstFreeNumber(*options_.files, jobs_directory_));
  ASSIGN_OR_RETURN(
      decider_,
      Decider::Open(
          {.jobs_directory = jobs_directory_,
           .leases = options_.leases,
           .stall_limit = options_.stall_limit,
           .first_number = first_number},
          *store_,
          {.publish = [this](const JobRecord& record,
                             JobEffects::PublishRequest request) { Publish(record, std::move(request)); },
           .remove_old = [this](const std::string& job, uint32_t keep,
                                std::set<CheckpointName> protect) { RemoveOld(job, keep, protect); },
           .find_restore_point = [this](const JobRecord& record) { FindRestorePoint(record); }},
          Now()));
  return absl::OkStatus();
}

absl::Status Core::Call(const std::function<absl::Status(State&)>& decide, IfFull if_full) {
  auto task = std::make_shared<Task>();
  task->decide = decide;
  task->if_full = if_full;
  MutexLock lock(mutex_);
  if (stopping_) return absl::CancelledError("the coordinator stops");
  if (!full_.ok() && if_full == IfFull::kSay) return full_;
  tasks_.push_back(task);
  wake_.Signal();
  while (!task->done) done_.Wait(mutex_);
  return task->status;
}

void Core::Post(std::function<absl::Status(State&)> decide) {
  auto task = std::make_shared<Task>();
  task->decide = std::move(decide);
  MutexLock lock(mutex_);
  tasks_.push_back(std::move(task));
  wake_.Signal();
}

void Core::Attach(SessionId session, std::shared_ptr<Outbox> outbox) {
  MutexLock lock(mutex_);
  outboxes_[session] = std::move(outbox);
}

void Core::Detach(SessionId session) {
  MutexLock lock(mutex_);
  outboxes_.erase(session);
}

uint64_t Core::WaitForNews(uint64_t seen, absl::Duration timeout) {
  MutexLock lock(mutex_);
  if (news_ == seen && !stopping_) news_changed_.WaitFor(mutex_, timeout);
  return news_;
}

void Core::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.Signal();
    space_.Signal();
    news_changed_.SignalAll();
    for (const auto& [key, outbox] : outboxes_) outbox->Close();
  }
  if (thread_.joinable()) thread_.join();
}

bool Core::stopped() {
  MutexLock lock(mutex_);
  return stopping_;
}

std::vector<std::shared_ptr<Core::Task>> Core::WaitForTasks(absl::Duration until) {
  MutexLock lock(mutex_);
  while (tasks_.empty() && !stopping_) {
    const absl::Duration left = until - options_.clock->Monotonic();
    if (left <= absl::ZeroDuration()) break;
    wake_.WaitFor(mutex_, left);
  }
  return std::exchange(tasks_, {});
}

void Core::Run() {
  absl::Duration next_tick = options_.clock->Monotonic();
  absl::Status failure;
  while (true) {
    const std::vector<std::shared_ptr<Task>> tasks = WaitForTasks(next_tick);
    const bool stopping = stopped();
    State state = {
        .decider = *decider_, .cluster = decider_->cluster(), .store = *store_, .logs = logs_, .now = Now()};
    if (!stopping && failure.ok()) {
      for (const std::shared_ptr<Task>& task : tasks) task->status = task->decide(state);
      if (state.now.monotonic >= next_tick) {
        state.cluster.Tick(state.now);
        logs_.OnTick();
        next_tick = state.now.monotonic + options_.tick;
      }
      bool wrote = false;
      failure = decider_->Commit(&wrote);
      if (absl::IsResourceExhausted(failure)) failure = WaitForSpace(tasks, failure);
      if (!failure.ok()) options_.on_failure(failure);
      if (failure.ok() && (wrote || !tasks.empty())) SendCommands();
      MutexLock lock(mutex_);
      if (wrote) ++news_;
    }
    MutexLock lock(mutex_);
    for (const std::shared_ptr<Task>& task : tasks) {
      if (task->done) continue;  // answered already
      if (stopping) task->status = absl::CancelledError("the coordinator stops");
      if (!failure.ok()) task->status = failure;
      task->done = true;
    }
    if (stopping) {
      for (const std::shared_ptr<Task>& task : tasks_) {
        task->status = absl::CancelledError("the coordinator stops");
        task->done = true;
      }
    }
    done_.SignalAll();
    news_changed_.SignalAll();
    if (stopping) return;
  }
}

// Whoever works goes on, and hears of nothing new; people hear why. Returns how the commit went in the end.
absl::Status Core::WaitForSpace(const std::vector<std::shared_ptr<Task>>& decided, absl::Status failure) {
  const absl::Duration until = options_.clock->Monotonic() + options_.space_limit;
  const std::string why = absl::StrCat(
      failure.message(), "; deciding nothing until there is space, at the latest until ",
      absl::FormatTime("%H:%M:%S UTC", options_.clock->Now() + options_.space_limit, absl::UTCTimeZone()));
  log::Error("{}", why);
  while (absl::IsResourceExhausted(failure) && options_.clock->Monotonic() < until) {
    {
      MutexLock lock(mutex_);
      if (stopping_) break;
      full_ = absl::UnavailableError(absl::StrCat("the coordinator cannot write: ", why));
      // What was decided may still come true.
      Answer(decided, full_);
      Answer(tasks_, full_);
      std::erase_if(tasks_, [](const std::shared_ptr<Task>& task) { return task->done; });
      done_.SignalAll();
      space_.WaitFor(mutex_, kSpaceTick);
    }
    failure = decider_->Commit(nullptr);
  }
  if (failure.ok()) log::Info("there is space again");
  MutexLock lock(mutex_);
  full_ = absl::OkStatus();
  return failure;
}

// Of those who do not wait.
void Core::Answer(const std::vector<std::shared_ptr<Task>>& tasks, const absl::Status& status) {
  for (const std::shared_ptr<Task>& task : tasks) {
    if (task->if_full == IfFull::kWait || task->done) continue;
    task->status = status;
    task->done = true;
  }
}

absl::Duration Core::ReportInterval(Role role) const {
  const Members::Leases& leases = options_.leases;
  const absl::Duration lease = role == Role::kServer ? std::min(leases.server, leases.patience) : leases.worker;
  return std::min(kMostReportInterval, lease / kReportsALease);
}

v1::Command Core::MakeCommand(SessionId session) const {
  const Decider::Command decided = decider_->CommandFor(session);
  v1::Command command;
  command.set_coordinator_term(decided.coordinator_term);
  command.set_id(decided.id);
  command.set_report_interval_seconds(absl::ToDoubleSeconds(ReportInterval(decider_->ProcessOf(session)->first)));
  command.set_leave(decided.leave);
  for (const auto& [job, order] : decided.jobs) {
    v1::JobCommand& message = *command.add_jobs();
    message = EncodeJobOrder(order);
    *message.mutable_job() = Resolve(decider_->cluster().Job(job)->record());
  }
  return command;
}

void Core::SendCommands() {
  std::map<SessionId, std::shared_ptr<Outbox>> outboxes;
  {
    MutexLock lock(mutex_);
    outboxes = outboxes_;
  }
  for (const auto& [session, outbox] : outboxes) {
    if (decider_->ProcessOf(session) != nullptr) {
      outbox->Put(MakeCommand(session));
    } else {
      outbox->Close();
    }
  }
}

// ---- Checkpoints: on the disk's thread.

void Core::Publish(const JobRecord& record, JobEffects::PublishRequest request) {
  disk_.Post([this, record, request = std::move(request)] {
    const std::string directory = JoinPath(jobs_directory_, record.id);
    absl::Status status = PublishParts(*options_.files, directory, record, request, options_.clock->Now());
    const CheckpointName name = {.term = request.term, .step = request.step};
    const RestorePoint point = {.step = request.step, .directory = JoinPath(directory, name.Directory())};
    std::string hash;
    if (status.ok() && Replays(record)) {
      const absl::StatusOr<std::string> computed = StateHash(*options_.files, point.directory);
      status = computed.status();
      hash = computed.value_or("");
    }
    if (!status.ok()) {
      log::Warning("job {}: checkpoint of step {}: {}", record.id, request.step, std::string(status.message()));
    }
    Post([id = record.id, term = request.term, step = request.step, point, status, hash](State& state) {
      state.cluster.OnPublished(id, term, step, point, status, state.now, hash);
      return absl::OkStatus();
    });
  });
}

void Core::FindRestorePoint(const JobRecord& record) {
  disk_.Post([this, record] {
    const absl::StatusOr<RestorePoint> found = FindGoodRestorePoint(*options_.files, jobs_directory_, record);
    Post([id = record.id, term = record.term, found](State& state) {
      state.cluster.OnRestorePoint(id, term, found, state.now);
      return absl::OkStatus();
    });
  });
}

void Core::RemoveOld(const std::string& job, uint32_t keep, const std::set<CheckpointName>& protect) {
  disk_.Post([this, job, keep, protect] {
    const absl::Status status =
        banyan::RemoveOldCheckpoints(*options_.files, JoinPath(jobs_directory_, job), keep, protect);
    if (!status.ok()) log::Warning("job {}: old checkpoints: {}", job, std::string(status.message()));
  });
}

}  // namespace banyan::coordinator
