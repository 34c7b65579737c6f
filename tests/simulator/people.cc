#include "tests/simulator/people.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/config/defaults.h"
#include "common/file/file_util.h"
#include "coordinator/jobs/fork.h"
#include "coordinator/service/restore_points.h"

namespace banyan::simulator {
namespace {

using coordinator::Decider;
using coordinator::JobMachine;
using coordinator::JobRecord;

// A question that has no answer by then is asked again.
constexpr absl::Duration kPatience = absl::Seconds(1);
constexpr absl::Duration kDisk = absl::Milliseconds(20);

bool Rests(JobState state) { return state == JobState::kStopped || state == JobState::kPaused; }

}  // namespace

uint32_t People::ServersToUse() const {
  return options_.replicas + 1 + options_.shape(options_.servers - options_.replicas);
}

// Empty: equal shares.
std::vector<uint32_t> People::LeafPlan() const {
  const uint32_t leaves = options_.job->plan().leaves;
  if (!options_.uneven || leaves < options_.workers) return {};
  std::vector<uint32_t> shares(options_.workers, 1);
  for (uint32_t rest = leaves - options_.workers; rest > 0; --rest) ++shares[options_.shape(options_.workers)];
  return shares;
}

void People::Operate(bool disk_full, bool disk_was_full) {
  const JobRecord* const record = job();
  if (record == nullptr) return Submit();
  const bool failed = record->state == JobState::kFailed;
  if (failed && !(disk_was_full && absl::StrContains(record->reason, "No space left"))) failure_ = record->reason;
  if (record->state == JobState::kSucceeded) {
    if (MayFork(*record)) return Fork(*record);
    done_ = resting_.empty();
    if (done_) return;
    id_ = resting_.back();
    resting_.pop_back();
    return;
  }
  if (!failed && !Rests(record->state)) {
    act_at_ = absl::InfiniteFuture();
    return;
  }
  CheckHalted(*record);
  act_at_ = std::min(act_at_, options_.events->now() + absl::Milliseconds(200 + options_.shape(1000)));
  if (options_.events->now() < act_at_ || disk_full) return;
  if (MayFork(*record)) return Fork(*record);
  Resume();
}

void People::Submit() {
  v1::Job job = config::WithDefaults(options_.job->file());
  job.mutable_run()->mutable_servers()->set_count(ServersToUse());
  job.mutable_run()->mutable_servers()->set_replicas(options_.replicas);
  job.mutable_run()->mutable_workers()->set_min(options_.least_workers);
  job.mutable_run()->set_audit(options_.audit);
  options_.ask(
      [this, job, leaf_plan = LeafPlan()](Decider& decider, Decider::Now now) {
        const absl::StatusOr<std::string> id = decider.cluster().Submit(job, leaf_plan, "the job", now);
        if (!id.ok()) trouble_ += id.status().ToString();
        CreateDirectories(*options_.files, JoinPath(options_.jobs_directory, id_)).IgnoreError();
      },
      nullptr);
}

void People::Resume() {
  // After a pause it goes on as it was.
  std::optional<v1::Run> run;
  if (job()->state != JobState::kPaused) {
    run = job()->job.run();
    run->mutable_servers()->set_count(ServersToUse());
  }
  options_.ask(
      [this, id = id_, run](Decider& decider, Decider::Now now) {
        const absl::Status status = decider.cluster().Resume(id, run.has_value() ? &*run : nullptr, {}, now);
        if (status.ok()) ++counts_["resumptions"];
        if (absl::IsInvalidArgument(status)) absl::StrAppend(&trouble_, "resume: ", status.ToString(), "; ");
      },
      nullptr);
}

// ---- Stop, pause, scale.

// An answer is given when what was decided is durable, as coordinator/service/jobs_service does.
void People::Halt(How how) {
  ++counts_[how == How::kPause ? "job pauses" : "stops"];
  const auto agreed = std::make_shared<std::optional<Halted>>();
  const auto ask = [this, agreed, how, id = id_](Decider& decider, Decider::Now now) {
    const JobMachine* const job = decider.cluster().Job(id);
    if (job == nullptr) return;
    const Halted halted = {.job = id,
                           .life = job->record().life,
                           .running = how != How::kStopNow && job->record().state == JobState::kRunning &&
                                      !coordinator::Replays(job->record()),
                           .through = job->step(),
                           .events = options_.store->events(id).size()};
    const absl::Status status = how == How::kPause ? decider.cluster().Pause(id, now)
                                                   : decider.cluster().Stop(id, how == How::kStopNow, now);
    if (status.ok()) *agreed = halted;  // it may be over
  };
  options_.ask(ask, [this, agreed] {
    if (!agreed->has_value()) return;
    halted_ = *agreed;
    // It may have been resumed with the same commit.
    const JobState state = options_.store->job(halted_->job)->state;
    if (state != JobState::kRunning && state != JobState::kRecovering) return;
    trouble_ += "people were told that the job stops, and that is not durable; ";
  });
}

// A job that stops or pauses in peace keeps all that it had done.
void People::CheckHalted(const JobRecord& record) {
  if (!halted_.has_value() || halted_->job != record.id || halted_->life != record.life) return;
  const Halted halted = *std::exchange(halted_, std::nullopt);
  const std::vector<coordinator::JobEvent>& events = options_.store->events(record.id);
  const bool peace = std::none_of(events.begin() + static_cast<std::ptrdiff_t>(halted.events), events.end(),
                                  [](const coordinator::JobEvent& event) {
                                    return event.type == "SERVER_LOST" || event.type == "WORKER_LOST" ||
                                           event.type == "WORKER_LEFT" || event.type == "RECOVERING" ||
                                           event.type == "FAILED";
                                  });
  const Step kept = record.checkpoint.value_or(RestorePoint()).step;
  if (!halted.running || !peace || absl::StrContains(record.reason, "restarted")) return;
  ++counts_["halts in peace"];
  if (kept >= halted.through) return;
  absl::StrAppend(&trouble_, "the job had done step ", halted.through, " when people halted it, and keeps step ", kept,
                  " (", record.reason, "); ");
}

void People::ScaleWorkers(const Fault& fault) {
  const uint32_t max = 1 + fault.which % (options_.workers + 1);
  const uint32_t min = fault.how % 3 == 0 ? 1 + fault.other % std::min(max, options_.workers) : 0;
  options_.ask(
      [this, id = id_, min, max](Decider& decider, Decider::Now now) {
        const absl::Status status = decider.cluster().ScaleWorkers(id, min, max, now);
        if (status.ok()) ++counts_["workers scaled"];
        if (absl::IsInvalidArgument(status)) absl::StrAppend(&trouble_, "scale: ", status.ToString(), "; ");
      },
      nullptr);
}

void People::ScaleServers(const Fault& fault) {
  const uint32_t count = 1 + fault.which % options_.servers;  // too few for its replicas: refused
  options_.ask(
      [this, id = id_, count](Decider& decider, Decider::Now now) {
        if (decider.cluster().ScaleServers(id, count, now).ok()) ++counts_["servers scaled"];
      },
      nullptr);
}

// ---- Forks.

bool People::MayFork(const JobRecord& record) const {
  if (forks_.empty() || coordinator::Replays(record)) return false;
  const Step least = record.fork.has_value() ? record.fork->step : 1;
  return least <= std::min<Step>(options_.store->lines(record.id).size(), options_.job->plan().last_step - 1);
}

// As coordinator/service/jobs_service does: the disk is looked at first, and may change meanwhile.
void People::Fork(const JobRecord& parent) {
  if (forking_) return;
  forking_ = true;
  options_.events->After(kPatience, [this] { forking_ = false; });
  const Step first = parent.fork.has_value() ? parent.fork->step : 0;
  const Step least = std::max<Step>(1, first);
  const Step most = std::min<Step>(options_.store->lines(parent.id).size(), options_.job->plan().last_step - 1);
  coordinator::ForkRequest request = {.step = least + forks_.front().which % (most - least + 1), .job = parent.job};
  request.job.mutable_run()->mutable_servers()->set_count(ServersToUse());
  const absl::StatusOr<RestorePoint> source = coordinator::NearestCheckpoint(
      *options_.files, JoinPath(options_.jobs_directory, parent.id), first, request.step);
  if (!source.ok()) {
    trouble_ += source.status().ToString();
    return;
  }
  request.source = *source;
  const std::string key = absl::StrCat("fork ", forks_.size());
  const auto made = std::make_shared<std::string>();
  options_.events->After(kDisk, [this, id = parent.id, request, key, made] {
    options_.ask(
        [this, id, request, key, made](Decider& decider, Decider::Now now) {
          const absl::StatusOr<std::string> fork = decider.cluster().Fork(id, request, key, now);
          if (!fork.ok()) return void(absl::StrAppend(&trouble_, "fork: ", fork.status().ToString(), "; "));
          *made = *fork;
          CreateDirectories(*options_.files, JoinPath(options_.jobs_directory, *fork)).IgnoreError();
        },
        [this, id, made] {
          if (id_ != id) return;  // asked twice
          ++counts_["forks"];
          forks_.erase(forks_.begin());
          if (job()->state != JobState::kSucceeded) resting_.push_back(id);
          id_ = *made;
        });
  });
}

}  // namespace banyan::simulator
