#include "server/shard/partial_set.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/reduce/join.h"
#include "server/shard/payload_join.h"

namespace banyan::server {

PartialSet::PartialSet(const Tree& tree, size_t elements, CpuLevel level, ChunkMemory& memory)
    : elements_(elements), level_(level), memory_(memory), cover_(tree) {}

PartialSet::Outcome PartialSet::Add(const Partial& partial, size_t room) {
  const bool has_data = !partial.zero && elements_ > 0;
  if (!tree().IsCanonical(partial.node)) return Outcome::kMisspelled;
  if (covered().ContainsAll(tree().Leaves(partial.node))) return Outcome::kCovered;
  if (has_data && room == 0 && !FindsRoom(partial.node)) return Outcome::kNoRoom;

  const Cover::Decision decision = cover_.Offer(partial.node);
  for (const Node& released : decision.released) {
    Stored stored = Extract(released);
    Release(stored);
  }
  Node name = partial.node;
  Stored sum{.weight = partial.weight, .loss = partial.loss};
  auto join = decision.joins.begin();
  if (has_data && join != decision.joins.end() && stored_.at(join->into).buffer != nullptr) {
    // Data that meet data are added in place, without being copied first.
    Stored sibling = Extract(join->into);
    JoinPayload(level_, Values(sibling.buffer), *partial.data);
    sum.buffer = std::move(sibling.buffer);
    sum.weight += sibling.weight;
    sum.loss += sibling.loss;
    name = join->result;
    ++join;
  } else if (has_data) {
    sum.buffer = TakeBuffer();
    CopyPayload(Values(sum.buffer), *partial.data);
  }
  for (; join != decision.joins.end(); ++join) {
    Join(sum, Extract(join->into));
    name = join->result;
  }
  if (complete()) MoveToAccumulator(sum);
  stored_.emplace(name, std::move(sum));
  return Outcome::kTaken;
}

bool PartialSet::FindsRoom(Node node) const {
  if (!accumulator_used_) return true;
  if (node != tree().root()) {
    const auto sibling = stored_.find(tree().Sibling(node));
    if (sibling != stored_.end() && sibling->second.buffer != nullptr) return true;
  }
  return std::any_of(stored_.begin(), stored_.end(), [&](const auto& entry) {
    return entry.second.buffer != nullptr && tree().Contains(node, entry.first);
  });
}

void PartialSet::Join(Stored& into, Stored other) {
  into.weight += other.weight;
  into.loss += other.loss;
  // The sum stays in the accumulator, or in the one buffer that there is.
  if (into.buffer == nullptr || other.buffer == accumulator_) std::swap(into.buffer, other.buffer);
  if (into.buffer == nullptr) return;
  if (other.buffer == nullptr) {
    JoinZero(level_, Values(into.buffer));
    return;
  }
  banyan::Join(level_, Values(into.buffer), Values(other.buffer));
  Release(other);
}

void PartialSet::MoveToAccumulator(Stored& root) {
  // Elsewhere only when what the accumulator held was replaced while other data pended.
  if (root.buffer == nullptr || root.buffer == accumulator_) return;
  const BufferRef accumulator = TakeBuffer();
  std::ranges::copy(Values(root.buffer), Values(accumulator).begin());
  Release(root);
  root.buffer = accumulator;
}

BufferRef PartialSet::TakeBuffer() {
  if (!accumulator_used_) {
    CHECK(accumulator_ != nullptr);
    accumulator_used_ = true;
    return accumulator_;
  }
  ++pooled_;
  return memory_.TakePooled();
}

void PartialSet::Release(Stored& stored) {
  if (stored.buffer == nullptr) return;
  if (stored.buffer == accumulator_) {
    accumulator_used_ = false;
    stored.buffer = nullptr;
  } else {
    --pooled_;
    memory_.GivePooled(std::move(stored.buffer));
  }
}

PartialSet::Stored PartialSet::Extract(Node node) {
  auto extracted = stored_.extract(node);
  CHECK(!extracted.empty());
  return std::move(extracted.mapped());
}

PartialSet::Root PartialSet::root() const {
  CHECK(complete());
  const Stored& root = stored_.at(tree().root());
  return {.weight = root.weight, .loss = root.loss, .zero = root.buffer == nullptr};
}

void PartialSet::Clear() {
  for (auto& [node, stored] : stored_) Release(stored);
  stored_.clear();
  cover_ = Cover(tree());
  accumulator_ = nullptr;
  accumulator_used_ = false;
}

}  // namespace banyan::server
