#include "server/service/part_merger.h"

namespace banyan::server {

void PartMerger::Start(Term term, const RestorePoint& point, size_t shards) {
  term_ = term;
  point_ = point.step;
  shards_ = shards;
  open_.clear();
}

std::vector<CheckpointPart> PartMerger::Add(uint32_t shard, CheckpointPart part) {
  if (part.term != term_) return {};
  const Step step = part.step;
  std::map<uint32_t, CheckpointPart>& parts = open_[step];
  parts.insert_or_assign(shard, std::move(part));
  if (parts.size() < shards_) return {};
  CheckpointPart whole{.term = term_, .step = step};
  for (auto& [from, one] : parts) {
    whole.missed = whole.missed || one.missed;
    if (whole.failure.empty()) whole.failure = one.failure;
    whole.ranges.insert(whole.ranges.end(), one.ranges.begin(), one.ranges.end());
  }
  if (whole.missed || !whole.failure.empty()) whole.ranges.clear();
  open_.erase(step);
  return {whole};
}

std::vector<CheckpointPart> PartMerger::Empty(Step ordered, Step ledger_through) const {
  if (term_ == 0 || shards_ > 0) return {};
  std::vector<CheckpointPart> parts;
  if (point_ == 0 && ledger_through == 0) parts.push_back({.term = term_, .step = 0});
  if (ordered != 0) parts.push_back({.term = term_, .step = ordered});
  const Step next = plan_.checkpoints.Next(std::max(point_, ledger_through) + 1);
  if (next != ordered && next > ledger_through) parts.push_back({.term = term_, .step = next});
  return parts;
}

}  // namespace banyan::server
