#include "server/service/part_merger.h"

namespace banyan::server {

void PartMerger::Start(Term term, Epoch epoch, size_t shards) {
  term_ = term;
  epoch_ = epoch;
  shards_ = shards;
  open_.clear();
}

std::vector<CheckpointPart> PartMerger::Add(uint32_t shard, CheckpointPart part) {
  if (part.term != term_ || part.epoch != epoch_) return {};
  const Step step = part.step;
  std::map<uint32_t, CheckpointPart>& parts = open_[step];
  parts.insert_or_assign(shard, std::move(part));
  if (parts.size() < shards_) return {};
  CheckpointPart whole{.term = term_, .epoch = epoch_, .step = step};
  for (auto& [from, one] : parts) {
    whole.missed = whole.missed || one.missed;
    if (whole.failure.empty()) whole.failure = one.failure;
    whole.ranges.insert(whole.ranges.end(), one.ranges.begin(), one.ranges.end());
  }
  if (whole.missed || !whole.failure.empty()) whole.ranges.clear();
  open_.erase(step);
  return {whole};
}

}  // namespace banyan::server
