#include "server/checkpoint/part_tracker.h"

#include <utility>

namespace banyan::server {
namespace {

// A checkpoint and the next one; older ones are published or given up.
constexpr size_t kPartsKept = 2;

}  // namespace

void PartTracker::Start(Term term, size_t chunks) {
  *this = PartTracker();
  term_ = term;
  chunks_ = chunks;
}

bool PartTracker::Take(Step step, ChunkId chunk) {
  if (over_.contains(step)) return false;
  Open& open = open_[step];
  open.part.term = term_;
  open.part.step = step;
  return open.taken.insert(chunk).second;
}

void PartTracker::Miss(Step step) {
  if (over_.contains(step) || open_.contains(step)) return;
  Finish({.term = term_, .step = step, .missed = true});
}

void PartTracker::OnWritten(Term term, Step step, ChunkId chunk,
                            const absl::StatusOr<std::vector<CheckpointPart::Range>>& ranges) {
  const auto found = open_.find(step);
  if (term != term_ || found == open_.end() || !found->second.taken.contains(chunk)) return;
  Open& open = found->second;
  if (!ranges.ok()) {
    if (open.part.failure.empty()) open.part.failure = std::string(ranges.status().message());
    open.part.ranges.clear();
  } else if (open.part.failure.empty()) {
    open.part.ranges.insert(open.part.ranges.end(), ranges->begin(), ranges->end());
  }
  if (++open.written < chunks_) return;
  CheckpointPart part = std::move(open.part);
  open_.erase(found);
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
