#include "tests/simulator/witness.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

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
  if (!weights.data.empty() && weights.data.Checksum() != job_.WeightsChecksum(weights.step, chunk)) {
    absl::StrAppend(&trouble_, "chunk ", chunk.value(), " @", weights.step, " of term ", weights.term,
                    " is served with other bits; ");
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

}  // namespace banyan::simulator
