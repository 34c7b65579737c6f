#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/file/file_util.h"
#include "coordinator/jobs/fork.h"
#include "coordinator/jobs/job_machine.h"
#include "coordinator/jobs/job_states.h"

// The third part of JobMachine: how a job comes to rest - checkpoints, stops, deadlines.
namespace banyan::coordinator {
namespace {

using enum JobState;

// Loading a model says nothing until it is done.
constexpr int kStallsToStart = 10;

absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

// What is left to a job that goes on without the checkpoint of `step`.
std::string GoesOn(const JobRecord& record, const JobPlan& plan, Step step) {
  const std::string newest =
      record.checkpoint.has_value() ? absl::StrCat("the newest is of step ", record.checkpoint->step) : "there is none";
  return absl::StrCat("; training goes on, ", newest, ", the next is due at step ", plan.checkpoints.Next(step + 1));
}

}  // namespace

// ---- Checkpoints.

bool JobMachine::IsNeeded(Step checkpoint_step) const {
  if (Replays(record_)) return checkpoint_step == record_.fork->step;
  return checkpoint_step == plan_->last_step || (record_.state == kStopping && checkpoint_step == stop_step_);
}

void JobMachine::TakePart(uint64_t server, const CheckpointPart& part, Now now) {
  if (part.term != record_.term || part.epoch != record_.map.epoch || at_rest()) return;
  // Told again, or begun again by a newer map.
  if (published_.contains(part.step) || publishing_.contains(part.step) || given_up_.contains(part.step)) return;
  if (!part.failure.empty()) {
    given_up_.insert(part.step);
    parts_.erase(part.step);
    settled_step_ = std::max(settled_step_, part.step);
    Note(now, "CHECKPOINT_FAILED", servers_.at(server).member.introduction.name,
         absl::StrCat("step ", part.step, ": ", part.failure,
                      IsNeeded(part.step) ? "" : GoesOn(record_, *plan_, part.step)));
    if (IsNeeded(part.step)) {
      Fail(absl::StrCat("the checkpoint of step ", part.step, " cannot be written: ", part.failure), now);
    }
    return;
  }
  if (!part.missed) {
    parts_[part.step][server] = part;
    return;
  }
  if (Replays(record_) && IsNeeded(part.step)) {
    record_.map = {.epoch = record_.map.epoch};
    return Enter(kRecovering, absl::StrCat("a server was past step ", part.step, "; the replay begins anew"), now);
  }
  if (record_.state != kStopping || part.step != stop_step_) return;
  const Step missed = stop_step_;
  parts_.erase(missed);
  stop_distance_ *= 2;
  PickStopStep();
  Note(now, "CHECKPOINT_MISSED", servers_.at(server).member.introduction.name,
       absl::StrCat("it was past step ", missed, "; the job stops at step ", stop_step_));
  WritePages(now);
}

void JobMachine::PublishWhatIsComplete() {
  if (term_is_over()) return;
  const std::set<uint64_t> writers = WritersOfParts();
  for (const auto& [step, parts] : parts_) {
    if (step > lines_through() || publishing_.contains(step)) continue;
    // Who has no tensors reports too, and with nothing in it.
    if (!std::ranges::all_of(writers, [&](uint64_t server) { return parts.contains(server); })) continue;
    JobEffects::PublishRequest request = {.term = record_.term, .step = step, .plan = plan_};
    for (const auto& [server, part] : parts) request.parts.push_back(part);
    publishing_.insert(step);
    effects_.Publish(record_, std::move(request));
  }
}

std::set<uint64_t> JobMachine::WritersOfParts() const {
  // A server that was left without chunks has nothing to write.
  std::set<uint64_t> writers;
  for (uint32_t chunk = 0; chunk < plan_->layout.chunk_count(); ++chunk) {
    writers.insert(record_.map.PrimaryOf(ChunkId(chunk)).id.value());
  }
  return writers;
}

// A map that is adopted settles what was due before, but for what the job cannot do without.
std::optional<std::pair<Step, std::vector<uint64_t>>> JobMachine::PartsDue() const {
  std::set<Step> due;
  for (const auto& [step, parts] : parts_) due.insert(step);
  const Step settled = std::max(settled_step_, record_.checkpoint.has_value() ? record_.checkpoint->step : 0);
  Step needed = record_.state == kStopping ? stop_step_ : plan_->last_step;
  if (Replays(record_)) needed = record_.fork->step;
  if (!record_.checkpoint.has_value() && settled_step_ == 0) due.insert(0);
  if (!Replays(record_) && settled < plan_->last_step) due.insert(plan_->checkpoints.Next(settled + 1));
  if (!record_.checkpoint.has_value() || record_.checkpoint->step < needed) due.insert(needed);
  for (const Step step : due) {
    if (step > std::min(reached_, lines_through())) break;
    if (published_.contains(step) || publishing_.contains(step) || given_up_.contains(step)) continue;
    const auto parts = parts_.find(step);
    std::vector<uint64_t> missing;
    for (const uint64_t server : WritersOfParts()) {
      if (parts == parts_.end() || !parts->second.contains(server)) missing.push_back(server);
    }
    if (!missing.empty()) return std::pair(step, std::move(missing));
  }
  return std::nullopt;
}

void JobMachine::OnPublished(Term term, Step step, const RestorePoint& point, const absl::Status& status, Now now,
                             const std::string& state_hash) {
  if (term != record_.term || at_rest()) return;
  publishing_.erase(step);
  parts_.erase(step);
  published_.insert(step);
  settled_step_ = std::max(settled_step_, step);
  if (!status.ok()) {
    Note(now, "CHECKPOINT_FAILED", "",
         absl::StrCat("step ", step, ": ", std::string(status.message()),
                      IsNeeded(step) ? "" : GoesOn(record_, *plan_, step)));
    if (IsNeeded(step)) {
      Fail(absl::StrCat("the checkpoint of step ", step, " cannot be published: ", std::string(status.message())), now);
    }
    return;
  }
  if (Replays(record_) && step == record_.fork->step) return EndReplay(point, state_hash, now);
  if (!record_.checkpoint.has_value() || step >= record_.checkpoint->step) record_.checkpoint = point;
  CountTrainTime(now);
  Persist();
  progress_.Made(now.monotonic);
  Note(now, "CHECKPOINT", "", absl::StrCat("step ", step));
  effects_.RemoveOldCheckpoints(record_.id, record_.job.run().checkpoint().keep(), ProtectedCheckpoints());
  if (record_.state == kStopping && step == stop_step_) {
    Enter(StopsIn(), absl::StrCat(record_.pausing ? "paused" : "stopped", " at step ", step), now);
    return;
  }
  Proceed(now);
}

// ---- Stop and resume.

void JobMachine::PickStopStep() {
  Step highest = std::max(book_->highest(), record_.restore.step);
  for (const auto& [id, process] : servers_) {
    if (!process.last.has_value() || process.last->term != record_.term) continue;
    for (const JobReport::OpenStep& open : process.last->open) highest = std::max(highest, open.step);
  }
  stop_step_ = std::min(highest + stop_distance_, plan_->last_step);
}

absl::Status JobMachine::Stop(bool at_once, Now now) {
  if (at_rest() && record_.state != kPaused) {
    return absl::FailedPreconditionError(absl::StrCat("job ", record_.id, " is ",
                                                      std::string(JobStateName(record_.state)),
                                                      "; only an active or paused job can be stopped"));
  }
  record_.pausing = false;
  return Halt(at_once, now);
}

absl::Status JobMachine::Pause(Now now) {
  if (at_rest() || (record_.state == kStopping && !record_.pausing)) {
    return absl::FailedPreconditionError(absl::StrCat("job ", record_.id, " is ",
                                                      std::string(JobStateName(record_.state)),
                                                      "; only a job that waits or works can be paused"));
  }
  record_.pausing = true;
  return Halt(/*at_once=*/false, now);
}

// Where nothing is under way there is nothing to write.
absl::Status JobMachine::Halt(bool at_once, Now now) {
  const char* const halted = record_.pausing ? "paused" : "stopped";
  if (at_once || Replays(record_) || (record_.state != kRunning && record_.state != kStopping)) {
    const std::string stands = record_.checkpoint.has_value()
                                   ? absl::StrCat("its newest checkpoint is of step ", record_.checkpoint->step)
                                   : "it has no checkpoint";
    Enter(StopsIn(), absl::StrCat(halted, "; ", stands), now);
    return absl::OkStatus();
  }
  if (record_.state == kStopping) {
    Persist();  // a pause may have become a stop
    return absl::OkStatus();
  }
  stop_distance_ = 2;
  PickStopStep();
  Enter(kStopping, absl::StrCat(record_.pausing ? "pauses" : "stops", " with a checkpoint at step ", stop_step_), now);
  // It may be there already.
  if (published_.contains(stop_step_)) Enter(StopsIn(), absl::StrCat(halted, " at step ", stop_step_), now);
  return absl::OkStatus();
}

absl::Status JobMachine::Resume(const v1::Run* run, std::vector<uint32_t> leaf_plan, Now now) {
  if (!MayFollow(record_.state, kQueued)) {
    return absl::FailedPreconditionError(
        absl::StrCat("job ", record_.id, " is ", std::string(JobStateName(record_.state)),
                     "; only a stopped, paused or failed job can be resumed"));
  }
  JobRecord before = record_;
  if (run != nullptr) *record_.job.mutable_run() = *run;
  record_.leaf_plan = std::move(leaf_plan);
  if (record_.data.has_value()) {
    if (absl::Status status = MakePlan(); !status.ok()) {
      record_ = std::move(before);
      return status;
    }
  }
  stop_step_ = 0;
  record_.pausing = false;
  ++record_.life;
  leaf_plan_holds_ = true;
  record_.crew.clear();
  record_.assignment.reset();
  Enter(kQueued, "resumed", now);
  return absl::OkStatus();
}

// ---- Time.

void JobMachine::OnTick(bool busy_elsewhere, Now now) {
  Proceed(now);
  TellOverdue(now);
  const absl::Duration quiet = progress_.Quiet(now.monotonic);
  const bool moves = record_.state == kRunning || record_.state == kStopping;
  if (moves) RelieveStragglers(now);
  const bool loads = record_.state == kStarting && plan_ != nullptr;
  if ((moves && quiet > options_.stall_limit) || (loads && quiet > kStallsToStart * options_.stall_limit)) {
    const absl::Duration limit = options_.stall_limit * (loads ? kStallsToStart : 1);
    Fail(absl::StrCat("no progress for ", absl::FormatDuration(limit), "; ", StallText(now)), now);
    return;
  }
  const bool waiting = record_.state == kQueued || record_.state == kRecovering;
  if (!waiting || short_since_ == absl::InfiniteDuration()) return;
  if (busy_elsewhere) {
    short_since_ = now.monotonic;
    return;
  }
  EndPatience(now);
}

// What is left goes on, if it can; else the job fails.
void JobMachine::EndPatience(Now now) {
  const absl::Duration waited = now.monotonic - short_since_;
  const v1::Run& run = record_.job.run();
  const absl::Duration for_servers = ToDuration(run.servers().wait());
  const absl::Duration for_workers = ToDuration(run.workers().wait());
  if (servers_wanted(now) > 0 && waited > for_servers && record_.state == kRecovering && !servers_.empty()) {
    if (std::exchange(with_fewer_servers_, true)) return;
    Note(now, "FEWER_SERVERS", "",
         absl::StrCat("waited ", absl::FormatDuration(for_servers), " for ", run.servers().count(),
                      " servers; goes on with ", servers_.size()));
    Proceed(now);
  } else if (servers_wanted(now) > 0 && !with_fewer_servers_ && waited > for_servers) {
    Fail(absl::StrCat("waited ", absl::FormatDuration(for_servers), " for ", run.servers().count(),
                      " servers and has ", servers_.size(), "; start more, or lower run.servers.count"),
         now);
  } else if (staying() < least_workers() && waited > for_workers) {
    Fail(absl::StrCat("waited ", absl::FormatDuration(for_workers), " for ", least_workers(),
                      " workers and has ", workers_.size(), "; start more, or lower run.workers.min"),
         now);
  }
}

// What happens to a job that a server is missing from.
std::string JobMachine::PatienceText(Now now) const {
  const absl::Duration wait = ToDuration(record_.job.run().servers().wait());
  const std::string until =
      absl::StrCat("; it is waited for until ",
                   absl::FormatTime("%H:%M:%S UTC", now.wall + wait, absl::UTCTimeZone()));
  if (servers_.empty()) return until;
  return absl::StrCat(until, ", then ", servers_.size(), servers_.size() == 1 ? " server goes" : " servers go",
                      " on from step ", record_.checkpoint.value_or(RestorePoint()).step);
}

}  // namespace banyan::coordinator
