#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file/file_util.h"
#include "coordinator/jobs/fork.h"
#include "coordinator/jobs/job_machine.h"

// The sixth part of JobMachine: which state a term begins with - the newest checkpoint, an older one where that is
// damaged, and a fork's first state.
namespace banyan::coordinator {
namespace {

using enum JobState;

}  // namespace

RestorePoint JobMachine::PointToRestore() const {
  if (Replays(record_)) return record_.fork->source;
  if (record_.checkpoint.has_value() && record_.checkpoint->step > 0) return *record_.checkpoint;
  return RestorePoint();
}

// What may not be deleted: what the job would begin with, and a fork's first state, which nothing else can make again.
std::set<CheckpointName> JobMachine::ProtectedCheckpoints() const {
  std::set<CheckpointName> protect = options_.pinned();
  const auto add = [&](const RestorePoint& point) {
    const std::optional<CheckpointName> name = CheckpointName::Parse(BaseName(point.directory));
    if (name.has_value()) protect.insert(*name);
  };
  add(record_.restore);
  if (record_.checkpoint.has_value()) add(*record_.checkpoint);
  if (record_.fork.has_value() && record_.fork->origin.has_value()) add(*record_.fork->origin);
  return protect;
}

// ---- A checkpoint that cannot be loaded.

void JobMachine::OnRestoreFailed(const std::string& who, const std::string& text, Now now) {
  if (searching_ || term_is_over()) return;  // others find the same
  if (record_.restore.directory.empty() || record_.state == kStopping) {
    return Fail(absl::StrCat(who, ": ", text), now);
  }
  Note(now, "CHECKPOINT_DAMAGED", who, text);
  searching_ = true;
  restore_failure_ = absl::StrCat(who, ": ", text);
  record_.map = {.epoch = record_.map.epoch};
  const std::string reason =
      absl::StrCat("the checkpoint of step ", record_.restore.step, " cannot be loaded; looking for one before");
  if (record_.state == kRecovering) {
    Persist();
  } else {
    Enter(kRecovering, reason, now);
  }
  effects_.FindRestorePoint(record_);
}

// Rule R12: the new restore point becomes one row with the new term, before anybody hears of it (BeginTerm).
void JobMachine::OnRestorePoint(Term term, const absl::StatusOr<RestorePoint>& found, Now now) {
  if (!searching_ || term != record_.term || record_.state != kRecovering) return;
  searching_ = false;
  if (!found.ok()) {
    return Fail(absl::StrCat(restore_failure_, "; and no older checkpoint: ", std::string(found.status().message())),
                now);
  }
  if (*found == record_.restore) {
    return Fail(absl::StrCat(restore_failure_, "; the coordinator reads it without fault: see to that server's disk"),
                now);
  }
  Note(now, "FALLBACK", "",
       absl::StrCat("from step ", record_.restore.step, " back to step ", found->step,
                    found->directory.empty() ? ", the beginning" : ""));
  if (Replays(record_)) {
    record_.fork->source = *found;
  } else if (found->step > 0) {
    record_.checkpoint = *found;
  } else {
    record_.checkpoint.reset();
  }
  Persist();
  Proceed(now);
}

// ---- The replay of a fork.

// All of it is there: from here on the fork is a job by its own recipe. What its processes have of the parent's they
// must let go, so it is queued as a resumed job is.
void JobMachine::EndReplay(const RestorePoint& point, const std::string& state_hash, Now now) {
  JobRecord::Fork& fork = *record_.fork;
  fork.origin = point;
  fork.state_hash = state_hash;
  record_.checkpoint = point;
  if (!SameData(fork.recipe, record_.job.recipe())) {
    record_.data.reset();
    lines_through_ = lines_through();
    plan_.reset();
    book_.reset();
  } else if (const absl::Status status = MakePlan(); !status.ok()) {
    return Fail(std::string(status.message()), now);
  }
  Note(now, "FORKED", fork.parent, absl::StrCat("its state after step ", fork.step, " is ", fork.state_hash));
  Rest();
  record_.map = {.epoch = record_.map.epoch};
  record_.crew.clear();
  record_.assignment.reset();
  ++record_.life;
  leaf_plan_holds_ = true;
  Enter(kQueued, absl::StrCat("has the state of job ", fork.parent, " after step ", fork.step), now);
}

}  // namespace banyan::coordinator
