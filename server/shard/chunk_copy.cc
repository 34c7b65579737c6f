#include "server/shard/chunk_copy.h"

#include <algorithm>
#include <span>
#include <utility>

#include "common/base/check.h"
#include "common/reduce/join.h"
#include "common/reduce/norm.h"

namespace banyan::server {
namespace {

uint32_t UsesOf(const Chunk* layout) { return layout == nullptr ? 1 : layout->uses; }

const Chunk* LayoutOf(const ChunkCopy::Options& options) {
  if (options.id == options.plan->layout.evaluation_chunk()) return nullptr;
  return &options.plan->layout.chunk(options.id);
}

}  // namespace

ChunkCopy::ChunkCopy(const Options& options, ChunkMemory& memory)
    : options_(options),
      memory_(memory),
      layout_(LayoutOf(options)),
      elements_(layout_ == nullptr ? 0 : static_cast<size_t>(layout_->element_count)),
      weights_(memory.Allocate(elements_)) {
  const Tree tree(options.plan->leaves);
  for (uint32_t use = 0; use < UsesOf(layout_); ++use) {
    sets_.push_back(std::make_unique<PartialSet>(tree, elements_, options.level, memory));
    if (use > 0) reserved_.push_back(memory.Allocate(elements_));
  }
  if (layout_ == nullptr || frozen()) return;
  other_ = memory.Allocate(elements_);
  for (size_t slot = 0; slot < options.rule->SlotNames().size(); ++slot) slots_.push_back(memory.Allocate(elements_));
}

PartialSet::Outcome ChunkCopy::Add(const Push& push, size_t room) {
  if (!open_) OpenStep();
  return sets_[push.use]->Add(
      {.node = push.node, .weight = push.weight, .loss = push.loss, .zero = push.zero, .data = &push.data}, room);
}

// By rule R4 a push of this step proves that the step before is done everywhere: nobody computes on `previous` again.
void ChunkCopy::OpenStep() {
  open_ = true;
  has_previous_ = false;
  if (other_ != nullptr && other_->lent()) other_ = memory_.Allocate(elements_);
  for (uint32_t use = 0; use < uses(); ++use) sets_[use]->SetAccumulator(use == 0 ? other_ : reserved_[use - 1]);
}

ChunkCopy::Root ChunkCopy::Commit(bool with_parts) {
  CHECK(phase_ == Phase::kCollecting);
  phase_ = Phase::kCommitted;
  const PartialSet::Root last = sets_.back()->root();
  Root root{.weight = last.weight, .loss = last.loss};
  if (layout_ == nullptr) return root;
  CombineUses();
  if (!with_parts) return root;
  const std::span<const float> values = other_->values();
  for (uint32_t i = 0; i < layout_->segments.size(); ++i) {
    const Segment& segment = layout_->segments[i];
    const auto elements =
        values.subspan(static_cast<size_t>(segment.offset), static_cast<size_t>(segment.element_count));
    root.parts.push_back(
        {.chunk = id(), .segment = i, .sum_of_squares = SegmentSumOfSquares(options_.level, elements)});
  }
  return root;
}

void ChunkCopy::CombineUses() {
  const std::span<float> sum = other_->values();
  if (sets_[0]->root().zero) std::ranges::fill(sum, 0.0f);
  for (uint32_t use = 1; use < uses(); ++use) {
    if (sets_[use]->root().zero) {
      JoinZero(options_.level, sum);
    } else {
      Join(options_.level, sum, std::as_const(*reserved_[use - 1]).values());
    }
  }
}

UpdateResult ChunkCopy::Apply(const UpdateStep& step, const Ledger& ledger) {
  CHECK(phase_ == Phase::kCommitted);
  UpdateResult result;
  if (layout_ != nullptr) {
    FreeSlotsForWriting();
    const std::span<const float> weights = std::as_const(*weights_).values();
    const std::span<float> accumulator = other_->values();
    std::vector<float*> slots(slots_.size());
    size_t end = 0;
    for (const Segment& segment : layout_->segments) {
      const auto offset = static_cast<size_t>(segment.offset);
      const auto count = static_cast<size_t>(segment.element_count);
      for (size_t slot = 0; slot < slots.size(); ++slot) slots[slot] = slots_[slot]->values().data() + offset;
      const UpdateResult part = options_.rule->Apply(
          options_.level, step,
          UpdateSegment<float>{.tensor = options_.plan->graph.parameter(segment.parameter).name,
                               .first_block = static_cast<uint64_t>(segment.first_element) / kBlockElements,
                               .weights = weights.subspan(offset, count),
                               .accumulator = accumulator.subspan(offset, count),
                               .slots = slots,
                               .decay = options_.plan->decays[segment.parameter.value()]});
      result.fingerprint += part.fingerprint;
      result.finite = result.finite && part.finite;
      // Whatever a worker pushed between the segments.
      std::ranges::fill(accumulator.subspan(end, offset - end), 0.0f);
      end = offset + count;
    }
    std::ranges::fill(accumulator.subspan(end), 0.0f);
    std::swap(weights_, other_);
    has_previous_ = true;
  }
  ++applied_;
  phase_ = Phase::kCollecting;
  open_ = false;
  for (const auto& set : sets_) set->Clear();
  previous_ledger_ = std::exchange(ledger_, ledger);
  return result;
}

// Copy on write: a checkpoint's writer has them still.
void ChunkCopy::FreeSlotsForWriting() {
  for (BufferRef& slot : slots_) {
    if (!slot->lent()) continue;
    BufferRef copy = memory_.Allocate(elements_);
    std::ranges::copy(std::as_const(*slot).values(), copy->values().begin());
    slot = std::move(copy);
  }
}

std::optional<ChunkCopy::Version> ChunkCopy::At(Step step) const {
  if (frozen()) return Version{.data = Lend(weights_)};
  if (step == applied_) return Version{.data = elements_ == 0 ? Payload() : Lend(weights_), .ledger = ledger_};
  if (has_previous_ && step + 1 == applied_) return Version{.data = Lend(other_), .ledger = previous_ledger_};
  return std::nullopt;
}

ChunkCopy::Snapshot ChunkCopy::Take() const {
  Snapshot snapshot{.weights = Lend(weights_)};
  for (const BufferRef& slot : slots_) snapshot.slots.push_back(Lend(slot));
  return snapshot;
}

}  // namespace banyan::server
