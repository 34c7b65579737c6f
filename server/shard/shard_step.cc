// What pushes, pulls and the gate do to a shard; orders, streams and reports are in shard.cc.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "server/shard/shard.h"

namespace banyan::server {

Shard::Stream* Shard::FindGreeted(StreamId id, Term term) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return nullptr;
  if (term != term_) {
    Refuse(id, absl::StrCat("frame of term ", term));
    return nullptr;
  }
  if (!found->second.greeted) {
    streams_.erase(found);
    output_.Close(id, absl::InvalidArgumentError("frame before the State that answers Hello"));
    return nullptr;
  }
  return &found->second;
}

ChunkCopy* Shard::FindOrTellOwner(StreamId id, ChunkId chunk) {
  const auto found = copies_.find(chunk);
  if (found != copies_.end()) return found->second.get();
  if (chunk.value() >= map_.owners.size()) {
    streams_.erase(id);
    output_.Close(id, absl::InvalidArgumentError(absl::StrCat("chunk ", chunk.value(), " does not exist, the job has ",
                                                              map_.owners.size())));
    return nullptr;
  }
  output_.Send(id, Moved{.epoch = map_.epoch, .chunk = chunk, .primary = map_.PrimaryOf(chunk).id});
  return nullptr;
}

absl::Status Shard::CheckPush(const ChunkCopy& copy, const Push& push) const {
  const auto describe = [&] { return absl::StrCat("gradient for chunk ", copy.id().value(), ", use ", push.use); };
  if (push.use >= copy.uses()) {
    return absl::InvalidArgumentError(absl::StrCat(describe(), ": the chunk has ", copy.uses(), " uses"));
  }
  const size_t expected = push.zero ? 0 : copy.elements() * sizeof(float);
  if (push.data.size() != expected) {
    return absl::InvalidArgumentError(
        absl::StrCat(describe(), " has ", push.data.size(), " bytes, expected ", expected));
  }
  if (!std::isfinite(push.weight) || push.weight < 0) {
    return absl::InvalidArgumentError(absl::StrCat(describe(), " has weight ", push.weight));
  }
  if (!Tree(options_.plan->leaves).IsCanonical(push.node)) {
    return absl::InvalidArgumentError(absl::StrCat(describe(), " is for node ", ToString(push.node),
                                                   ", no node of the tree over ", options_.plan->leaves, " leaves"));
  }
  return absl::OkStatus();
}

// Rules R1, R4 and R11. Within a term nobody pushes for a step before the one before is done on all chunks.
bool Shard::MayTake(const ChunkCopy& copy, const Push& push) const {
  if (copy.phase() == ChunkCopy::Phase::kWhole) return false;
  if (push.step != copy.applied() + 1 || push.step != done_ + 1) return false;
  if (copy.evaluation()) return true;
  return push.step <= options_.plan->last_step && window_.Allows(position_.at(copy.id())[push.use]);
}

std::optional<ChunkUse> Shard::awaited() const {
  if (window_.lo() >= positions_.size()) return std::nullopt;
  const Position& first = positions_[window_.lo()];
  return ChunkUse{.chunk = first.copy->id(), .use = first.use};
}

// The first position that is not complete has its room whatever the others hold: so it completes. What it needs may be
// more than was announced, for leaves that moved in the middle of a step come as they were begun, in any nodes.
size_t Shard::RoomFor(const ChunkCopy& copy, uint32_t use) const {
  if (copy.evaluation()) return 0;
  size_t promised = 0;
  const size_t lo = window_.lo();
  if (lo < positions_.size()) {
    if (position_.at(copy.id())[use] == lo) return SIZE_MAX;
    const size_t held = positions_[lo].copy->pooled(positions_[lo].use);
    promised = window_.reserved() - std::min(window_.reserved(), held);
  }
  const size_t used = memory_.pooled_in_use() + promised;
  return window_.capacity() - std::min(window_.capacity(), used);
}

void Shard::OnPush(StreamId id, const Push& push) {
  if (FindGreeted(id, push.term) == nullptr) return;
  ChunkCopy* const copy = FindOrTellOwner(id, push.chunk);
  if (copy == nullptr) return;
  if (const absl::Status status = CheckPush(*copy, push); !status.ok()) {
    streams_.erase(id);
    return output_.Close(id, status);
  }
  counters_["bytes_in"] += push.data.size();
  if (!failure_.empty()) return;
  const PartialSet::Outcome outcome =
      MayTake(*copy, push) ? copy->Add(push, RoomFor(*copy, push.use)) : PartialSet::Outcome::kCovered;
  if (outcome != PartialSet::Outcome::kTaken) {
    ++counters_[outcome == PartialSet::Outcome::kCovered ? "partials_duplicate" : "partials_refused"];
    return SendState(id, *copy);
  }
  ++counters_["partials_taken"];
  late_.OnProgress();
  if (copy->use_complete(push.use)) OnUseComplete(*copy, push.use);
  TellMarks();
}

void Shard::OnPull(StreamId id, const Pull& pull) {
  Stream* const stream = FindGreeted(id, pull.term);
  if (stream == nullptr) return;
  ChunkCopy* const copy = FindOrTellOwner(id, pull.chunk);
  if (copy == nullptr) return;
  std::optional<ChunkCopy::Version> version = copy->At(pull.step);
  if (!version.has_value()) return SendState(id, *copy);
  SendWeights(id, *stream, *copy, pull.step, *std::move(version));
}

void Shard::SendWeights(StreamId id, Stream& stream, const ChunkCopy& copy, Step step, ChunkCopy::Version version) {
  counters_["bytes_out"] += version.data.size();
  stream.told_done = done_;
  stream.told_window = window_.end();
  output_.Send(id, Weights{.term = term_,
                           .epoch = map_.epoch,
                           .step = step,
                           .chunk = copy.id(),
                           .ledger = std::move(version.ledger),
                           .done_through = done_,
                           .window_end = window_.end(),
                           .data = std::move(version.data)});
}

void Shard::OnUseComplete(ChunkCopy& copy, uint32_t use) {
  if (!copy.evaluation()) window_.Complete(position_.at(copy.id())[use]);
  for (uint32_t other = 0; other < copy.uses(); ++other) {
    if (!copy.use_complete(other)) return;
  }
  OnWhole(copy);
}

void Shard::OnWhole(ChunkCopy& copy) {
  const bool gate = gated() && !copy.evaluation();
  const ChunkCopy::Root& root = (roots_[copy.id()] = {.root = copy.Complete(gate)}).root;
  for (const SegmentSum& part : root.parts) {
    if (!std::isfinite(part.sum_of_squares)) {
      return Fail(absl::StrCat("gradient of step ", copy.applied() + 1, " is not finite in chunk ", copy.id().value()));
    }
  }
  for (const FollowerId& follower : followers_.SendRoot(copy.id())) SendRoot(follower, copy);
  TryCommit(copy);
}

// Rule R5: a root is committed once every backup of the map holds it, and there is room for its entry. Then the gate,
// then the update, then the workers.
void Shard::TryCommit(ChunkCopy& copy) {
  const auto found = roots_.find(copy.id());
  if (found == roots_.end() || found->second.committed || !followers_.AllHoldRoot(copy.id())) return;
  // A step that has begun here is seen through: else its line could not be written.
  if (entries_.full() && entries_.oldest() <= copy.applied()) return;
  found->second.committed = true;
  const ChunkCopy::Root& root = found->second.root;
  const Step step = copy.applied() + 1;
  if (!gated() || copy.evaluation()) return Apply(copy, {.step = step, .weight = root.weight, .loss = root.loss});
  output_.Committed(term_, step, copy.id(), root.parts, root.weight, root.loss);
  // It may be fixed already, for a primary that is no more.
  const auto ledger = ledgers_.find(step);
  if (ledger != ledgers_.end()) Apply(copy, Ledger(ledger->second));
}

// Rule R8: with ledger(t) every server applies the same, primaries in the order in which the next forward needs them.
void Shard::OnLedger(Term term, const Ledger& ledger) {
  if (term != term_ || !failure_.empty()) return;
  ledgers_[ledger.step] = ledger;
  while (ledgers_.size() > 2) ledgers_.erase(ledgers_.begin());
  if (!ready_) return;
  for (ChunkId id : options_.plan->layout.forward_order()) {
    const auto copy = copies_.find(id);
    if (copy == copies_.end() || copy->second->applied() + 1 != ledger.step) continue;
    const auto root = roots_.find(id);
    if (root == roots_.end() || !root->second.committed) continue;
    Apply(*copy->second, ledger);
    if (!failure_.empty()) return;
  }
  TellMarks();
  for (const auto& [id, copy] : backups_) {
    if (!copy->evaluation() && copy->applied() + 1 == ledger.step && roots_.contains(id)) Update(*copy, ledger);
  }
}

// Makes a copy @ledger.step of its root, and the step's entry (rule R13).
bool Shard::Update(ChunkCopy& copy, Ledger ledger) {
  const ChunkCopy::Root root = std::move(roots_.extract(copy.id()).mapped().root);
  const Step step = ledger.step;
  ledger.learning_rate = step <= options_.plan->last_step ? options_.learning_rate(step) : 0;
  UpdateStep update{.learning_rate = ledger.learning_rate, .update = step, .skip = ledger.weight == 0};
  if (!update.skip) {
    const double divisor = ledger.weight * ledger.loss_scale;
    const double clip =
        gated() && ledger.norm.has_value() ? std::min(1.0, options_.clip_norm / (*ledger.norm + 1e-6)) : 1;
    update.gradient_factor = clip / divisor;
  }
  const UpdateResult result = copy.Apply(update, ledger);
  if (!result.finite) {
    Fail(absl::StrCat("step ", step, " is not finite in chunk ", copy.id().value(),
                      ": its gradient or the weights made of it overflowed"));
    return false;
  }
  Log(copy, root, result, update.skip && !copy.evaluation());
  if (copy.evaluation()) copy.JumpTo(EvaluationStandsAt(step));
  return true;
}

void Shard::Apply(ChunkCopy& copy, const Ledger& ledger) {
  if (!Update(copy, ledger)) return;
  followers_.Applied(copy.id());
  ++counters_["chunks_applied"];
  if (ledger.weight == 0 && copy.id() == options_.plan->layout.ledger_chunk()) ++counters_["skipped_steps"];
  TakeForCheckpoint(copy, ledger.step);
  Advance();
  for (auto& [id, stream] : streams_) {
    if (!stream.greeted) continue;
    SendWeights(id, stream, copy, ledger.step,
                copy.evaluation() ? ChunkCopy::Version{.ledger = ledger} : *copy.At(ledger.step));
  }
}

void Shard::Log(const ChunkCopy& copy, const ChunkCopy::Root& root, const UpdateResult& result, bool skipped) {
  entries_.Add({.term = term_,
                .step = copy.applied(),
                .chunk = copy.id(),
                .weight = root.weight,
                .loss = root.loss,
                .finite = std::isfinite(root.loss),
                .skipped = skipped,
                .fingerprint = result.fingerprint,
                .parts = root.parts});
}

// The steps that a copy holds up no longer: after the last step nothing is due but the evaluation.
Step Shard::StepsDone(const ChunkCopy& copy) const {
  if (copy.frozen()) return options_.plan->last_protocol_step();
  if (copy.evaluation() || copy.applied() < options_.plan->last_step) return copy.applied();
  return options_.plan->last_protocol_step();
}

Step Shard::EvaluationStandsAt(Step after) const {
  const Step end = options_.plan->last_protocol_step();
  if (!options_.plan->evaluation.has_value()) return end;
  const std::optional<Step> next = options_.plan->evaluation->NextDueIn(after + 1);
  return next.has_value() ? *next - 1 : end;
}

void Shard::Advance() {
  Step done = options_.plan->last_protocol_step();
  for (const auto& [id, copy] : copies_) done = std::min(done, StepsDone(*copy));
  if (done <= done_) return;
  done_ = done;
  StartWindow();
  late_.OnStepDone();
}

void Shard::TellMarks() {
  for (auto& [id, stream] : streams_) {
    if (!stream.greeted || (stream.told_done == done_ && stream.told_window == window_.end())) continue;
    stream.told_done = done_;
    stream.told_window = window_.end();
    output_.Send(id, Weights{.term = term_, .epoch = map_.epoch, .done_through = done_, .window_end = window_.end()});
  }
}

// ---- Checkpoints.

bool Shard::CheckpointDue(Step step) const {
  return step == 0 || step == checkpoint_step_ || options_.plan->checkpoints.Due(step);
}

void Shard::TakeForCheckpoint(const ChunkCopy& copy, Step step) {
  if (copy.evaluation() || !CheckpointDue(step) || !parts_.Take(step, copy.id())) return;
  ChunkCopy::Snapshot snapshot = copy.Take();
  output_.WriteCheckpoint({.term = term_,
                           .epoch = map_.epoch,
                           .step = step,
                           .directory = checkpoint_directory_,
                           .part_chunks = tensors_,
                           .chunk = copy.id(),
                           .weights = std::move(snapshot.weights),
                           .slots = std::move(snapshot.slots)});
  // Chunks without gradient have no step of their own.
  for (const auto& [id, other] : copies_) {
    if (other->frozen()) TakeForCheckpoint(*other, step);
  }
}

void Shard::OnCheckpointWritten(Term term, Epoch epoch, Step step,
                                const absl::StatusOr<std::vector<CheckpointPart::Range>>& ranges) {
  parts_.OnWritten(term, epoch, step, ranges);
}

}  // namespace banyan::server
