#include "server/checkpoint/part_tracker.h"

#include <utility>

namespace banyan::server {
namespace {

// A checkpoint and the next one; older ones are published or given up.
constexpr size_t kPartsKept = 2;

}  // namespace

void PartTracker::Start(Term term, Epoch epoch) {
  *this = PartTracker();
  term_ = term;
  epoch_ = epoch;
}

bool PartTracker::Take(Step step, ChunkId chunk) {
  return !over_.contains(step) && taken_[step].insert(chunk).second;
}

void PartTracker::Miss(Step step) {
  if (over_.contains(step) || taken_.contains(step)) return;
  Finish({.term = term_, .epoch = epoch_, .step = step, .missed = true});
}

void PartTracker::OnWritten(Term term, Epoch epoch, Step step,
                            const absl::StatusOr<std::vector<CheckpointPart::Range>>& ranges) {
  if (term != term_ || epoch != epoch_ || taken_.erase(step) == 0) return;
  CheckpointPart part{.term = term, .epoch = epoch, .step = step};
  if (ranges.ok()) {
    part.ranges = *ranges;
  } else {
    part.failure = std::string(ranges.status().message());
  }
  Finish(std::move(part));
}

void PartTracker::Finish(CheckpointPart part) {
  over_.insert(part.step);
  parts_.push_back(std::move(part));
  if (parts_.size() > kPartsKept && told_ > 0) {
    parts_.pop_front();
    --told_;
  }
}

std::vector<CheckpointPart> PartTracker::TakeNew() {
  std::vector<CheckpointPart> parts(parts_.begin() + static_cast<std::ptrdiff_t>(told_), parts_.end());
  told_ = parts_.size();
  return parts;
}

}  // namespace banyan::server
