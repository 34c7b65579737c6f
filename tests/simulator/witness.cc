#include "tests/simulator/witness.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/checkpoint/checkpoint_name.h"
#include "common/file/file_util.h"

namespace banyan::simulator {

void Witness::OnTold(Incarnation server, const ToWorker& message) {
  if (const auto* weights = std::get_if<Weights>(&message)) {
    if (!weights->chunk.has_value()) return;
    OnOwner(weights->term, weights->epoch, *weights->chunk, server);
    OnWeights(*weights);
  } else if (const auto* state = std::get_if<State>(&message)) {
    for (const State::Chunk& chunk : state->chunks) OnOwner(state->term, state->epoch, chunk.chunk, server);
    OnState(*state);
  }
}

void Witness::OnOwner(Term term, Epoch epoch, ChunkId chunk, Incarnation server) {
  const auto [owner, fresh] = owners_.try_emplace({term, epoch, chunk}, server);
  if (owner->second == server) return;
  absl::StrAppend(&trouble_, "chunk ", chunk.value(), " has two owners in term ", term, ", epoch ", epoch, "; ");
}

void Witness::OnWeights(const Weights& weights) {
  const ChunkId chunk = *weights.chunk;
  const Term maker = MakerOf(weights.term, weights.step);
  if (!weights.data.empty()) {
    const uint64_t checksum = weights.data.Checksum();
    const auto [known, fresh] = checksums_.try_emplace(
        Name(maker, weights.step, chunk), authors_ ? checksum : job_.WeightsChecksum(weights.step, chunk));
    if (known->second != checksum) {
      absl::StrAppend(&trouble_, "chunk ", chunk.value(), " @", weights.step, " of term ", weights.term,
                      " is served with other bits; ");
    }
  }
  if (weights.ledger.has_value() && chunk != job_.plan().layout.evaluation_chunk()) {
    const auto [known, fresh] = norms_.try_emplace(std::pair(maker, weights.step), weights.ledger->norm);
    if (known->second != weights.ledger->norm) {
      absl::StrAppend(&trouble_, "step ", weights.step, " of term ", weights.term, " has two norms; ");
    }
  }
  Served& served = served_[{weights.term, chunk}];
  if (weights.step > served.step) served = {.epoch = weights.epoch, .step = weights.step};
}

// Who leads from that epoch on holds what was served: as state, or as the whole root that makes it.
void Witness::OnState(const State& state) {
  std::map<ChunkId, std::pair<Step, bool>> has;
  for (const State::Chunk& chunk : state.chunks) {
    const auto [at, fresh] = has.try_emplace(chunk.chunk, chunk.applied, true);
    at->second.second = at->second.second && chunk.covered.full();
  }
  for (const auto& [chunk, what] : has) {
    const auto served = served_.find({state.term, chunk});
    if (served == served_.end() || state.epoch < served->second.epoch) continue;
    const Step step = what.first + (what.second ? 1 : 0);
    if (step >= served->second.step) continue;
    absl::StrAppend(&trouble_, "chunk ", chunk.value(), " was served @", served->second.step, " in epoch ",
                    served->second.epoch, " of term ", state.term, " and is lost in epoch ", state.epoch,
                    ", where it is @", what.first, "; ");
  }
}

// All copies make the same entry (I2).
void Witness::OnEntry(const Entry& entry) {
  const auto [known, fresh] =
      fingerprints_.try_emplace(Name(entry.term, entry.step, entry.chunk), entry.fingerprint);
  if (known->second == entry.fingerprint) return;
  absl::StrAppend(&trouble_, "chunk ", entry.chunk.value(), " @", entry.step, " of term ", entry.term,
                  " is of other bits on another server; ");
}

// What the gate is told of is committed: no other root of the chunk is ever made in that term.
void Witness::OnSum(const Sum& sum) {
  for (const SegmentSum& part : sum.parts) {
    const auto [known, fresh] =
        sums_.try_emplace(std::tuple(sum.term, sum.step, part.chunk, part.segment), part.sum_of_squares);
    if (known->second == part.sum_of_squares) continue;
    absl::StrAppend(&trouble_, "step ", sum.step, " of term ", sum.term, " has two sums of chunk ", part.chunk.value(),
                    "; ");
  }
}

Term Witness::MakerOf(Term term, Step step) const {
  const RestorePoint* restore = store_.RestoreOf(id_, term);
  while (restore != nullptr && restore->step == step) {
    const std::optional<CheckpointName> name = CheckpointName::Parse(BaseName(restore->directory));
    if (!name.has_value() || name->term >= term) break;
    term = name->term;
    restore = store_.RestoreOf(id_, term);
  }
  return term;
}

std::optional<uint64_t> Witness::WeightsChecksum(Term term, Step step, ChunkId chunk) const {
  const auto found = checksums_.find(Name(MakerOf(term, step), step, chunk));
  return found == checksums_.end() ? std::nullopt : std::optional(found->second);
}

// Rule R13.
bool Witness::IsOfOneTerm(const coordinator::LedgerLine& line) const {
  std::map<Term, uint64_t> sums;
  for (const auto& [name, fingerprint] : fingerprints_) {
    const auto& [term, step, chunk] = name;
    if (step == line.step && chunk != job_.plan().layout.evaluation_chunk()) sums[term] += fingerprint;
  }
  return std::ranges::any_of(sums, [&](const auto& sum) { return sum.second == line.state_fingerprint; });
}

}  // namespace banyan::simulator
