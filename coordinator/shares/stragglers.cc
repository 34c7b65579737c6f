#include "coordinator/shares/stragglers.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace banyan::coordinator {
namespace {

// What one learns of a process, and of how long steps take, comes no finer than this.
std::string Text(absl::Duration duration) {
  return absl::FormatDuration(absl::Floor(duration, absl::Milliseconds(10)));
}

}  // namespace

void Stragglers::Hear(WorkerId worker, uint64_t leaves, absl::Duration now) {
  Worker& known = workers_[worker];
  const bool moves = leaves != known.leaves;
  known.heard = now;
  known.leaves = leaves;
  if (known.suspicion == Suspicion::kSilent || (known.suspicion == Suspicion::kLate && moves)) {
    known.suspicion = Suspicion::kNone;
  }
}

void Stragglers::StepIs(Step open, absl::Duration now) {
  if (open == open_) return;
  // Several steps may have passed since the last report.
  if (open_ != 0 && open > open_) {
    steps_[count_++ % steps_.size()] = (now - step_began_) / static_cast<int64_t>(open - open_);
  }
  open_ = open;
  step_began_ = now;
  since_ = now;
}

absl::Duration Stragglers::Limit(absl::Duration expected) const {
  std::array<absl::Duration, 9> sorted = steps_;
  const size_t count = std::min(count_, sorted.size());
  const auto end = sorted.begin() + static_cast<std::ptrdiff_t>(count);
  std::sort(sorted.begin(), end);
  const absl::Duration median = count == 0 ? absl::ZeroDuration() : sorted[count / 2];
  return std::max(options_.patience, 2 * std::max(median, expected));
}

std::vector<Stragglers::Judgement> Stragglers::Judge(const std::set<WorkerId>& owing, bool idle,
                                                     absl::Duration expected, absl::Duration now) {
  std::vector<Judgement> judgements;
  const bool awake = now - std::exchange(judged_, now) <= options_.silence / 2;
  if (!awake) since_ = now;
  // The first steps are slow for everybody.
  const bool overdue = idle && count_ >= 3 && now - since_ > Limit(expected);
  for (auto& [id, worker] : workers_) {
    if (worker.suspicion == Suspicion::kLate && now - worker.suspected_at > kForgiven) {
      worker.suspicion = Suspicion::kNone;
    }
    if (!awake || worker.suspicion != Suspicion::kNone || !owing.contains(id)) continue;
    const bool silent = now - worker.heard > options_.silence;
    if (!silent && !overdue) continue;
    worker.suspicion = silent ? Suspicion::kSilent : Suspicion::kLate;
    worker.suspected_at = now;
    judgements.push_back({id, silent ? absl::StrCat("was not heard for ", Text(now - worker.heard))
                                     : absl::StrCat("has not finished step ", open_, " in ", Text(now - since_))});
  }
  return judgements;
}

bool Stragglers::suspected(WorkerId worker) const {
  const auto found = workers_.find(worker);
  return found != workers_.end() && found->second.suspicion != Suspicion::kNone;
}

}  // namespace banyan::coordinator
