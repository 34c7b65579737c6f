#include "server/shard/chunk_copy.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/reduce/join.h"
#include "common/reduce/norm.h"
#include "server/shard/payload_join.h"

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
      all_(options.plan->leaves),
      weights_(memory.Allocate(elements_)) {
  const Tree tree(options.plan->leaves);
  all_.Add({0, options.plan->leaves});
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

ChunkCopy::Root ChunkCopy::Complete(bool with_parts) {
  CHECK(phase_ == Phase::kCollecting);
  phase_ = Phase::kWhole;
  const PartialSet::Root last = sets_.back()->root();
  Root root{.weight = last.weight, .loss = last.loss};
  if (layout_ != nullptr) CombineUses();
  if (with_parts) root.parts = Parts();
  return root;
}

ChunkCopy::Root ChunkCopy::Store(const banyan::Root& root, bool with_parts) {
  ForgetStep();
  OpenStep();
  phase_ = Phase::kWhole;
  if (elements_ > 0) CopyPayload(other_->values(), root.data);
  Root stored{.weight = root.weight, .loss = root.loss};
  if (with_parts) stored.parts = Parts();
  return stored;
}

std::vector<SegmentSum> ChunkCopy::Parts() const {
  std::vector<SegmentSum> parts;
  if (layout_ == nullptr) return parts;
  const std::span<const float> values = std::as_const(*other_).values();
  for (uint32_t i = 0; i < layout_->segments.size(); ++i) {
    const Segment& segment = layout_->segments[i];
    const auto elements =
        values.subspan(static_cast<size_t>(segment.offset), static_cast<size_t>(segment.element_count));
    parts.push_back({.chunk = id(), .segment = i, .sum_of_squares = SegmentSumOfSquares(options_.level, elements)});
  }
  return parts;
}

void ChunkCopy::ForgetStep() {
  if (!open_) return;
  open_ = false;
  phase_ = Phase::kCollecting;
  for (const auto& set : sets_) set->Clear();
}

void ChunkCopy::Empty() {
  ForgetStep();
  has_previous_ = false;
  empty_ = true;
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
  CHECK(phase_ == Phase::kWhole);
  UpdateResult result;
  if (layout_ != nullptr) {
    // A checkpoint's writer, or a stream to a backup, has them still.
    for (BufferRef& slot : slots_) FreeForWriting(slot);
    FreeForWriting(other_);
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

// Copy on write.
void ChunkCopy::FreeForWriting(BufferRef& buffer) {
  if (!buffer->lent()) return;
  BufferRef copy = memory_.Allocate(elements_);
  std::ranges::copy(std::as_const(*buffer).values(), copy->values().begin());
  buffer = std::move(copy);
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

ChunkState ChunkCopy::Describe() const {
  ChunkState state{.applied = applied_, .chunk = id(), .ledger = ledger_, .previous_ledger = previous_ledger_};
  if (elements_ == 0) return state;
  Snapshot snapshot = Take();
  state.weights = std::move(snapshot.weights);
  state.slots = std::move(snapshot.slots);
  if (has_previous_) state.previous = Lend(other_);
  return state;
}

absl::Status ChunkCopy::Load(const ChunkState& state) {
  const size_t bytes = elements_ * sizeof(float);
  const auto fits = [bytes](const Payload& data) { return data.size() == bytes; };
  if (!fits(state.weights) || state.slots.size() != slots_.size() || !std::ranges::all_of(state.slots, fits) ||
      (state.previous.has_value() && (other_ == nullptr || !fits(*state.previous)))) {
    return absl::InvalidArgumentError(
        absl::StrCat("state of chunk ", id().value(), " has ", state.weights.size(), " bytes of weights and ",
                     state.slots.size(), " slots, expected ", bytes, " and ", slots_.size()));
  }
  ForgetStep();
  const auto fill = [this](BufferRef& buffer, const Payload& data) {
    if (buffer->lent()) buffer = memory_.Allocate(elements_);
    CopyPayload(buffer->values(), data);
  };
  fill(weights_, state.weights);
  for (size_t slot = 0; slot < slots_.size(); ++slot) fill(slots_[slot], state.slots[slot]);
  has_previous_ = state.previous.has_value();
  if (has_previous_) fill(other_, *state.previous);
  ledger_ = state.ledger;
  previous_ledger_ = state.previous_ledger;
  Start(state.applied);
  return absl::OkStatus();
}

}  // namespace banyan::server
