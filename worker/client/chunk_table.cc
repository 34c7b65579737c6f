#include "worker/client/chunk_table.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace banyan::worker {

ChunkTable::ChunkTable(const Tree& tree, uint32_t chunks, const std::vector<Position>& positions)
    : tree_(tree), chunks_(chunks + 1) {
  for (Chunk& chunk : chunks_) chunk.frozen = true;
  for (const Position& position : positions) {
    CHECK_LT(position.chunk.value(), chunks);
    chunks_[position.chunk.value()].frozen = false;
  }
  chunks_.back().frozen = false;
}

void ChunkTable::Reset() {
  for (Chunk& chunk : chunks_) {
    Chunk fresh;
    fresh.frozen = chunk.frozen;
    chunk = std::move(fresh);
  }
}

void ChunkTable::SetApplied(ChunkId chunk, Step applied) {
  Chunk& known = at(chunk);
  if (applied <= known.applied) return;
  known.applied = applied;
  known.covered.clear();
}

void ChunkTable::SetCovered(const State::Chunk& state) {
  SetApplied(state.chunk, state.applied);
  Chunk& known = at(state.chunk);
  if (state.applied != known.applied || state.covered.leaves() != tree_.leaves()) return;
  if (known.covered.size() <= state.use) known.covered.resize(state.use + 1, LeafSet(tree_.leaves()));
  known.covered[state.use] = state.covered;
}

bool ChunkTable::Wanted(Position position, Step step, LeafRange leaves) const {
  const Chunk& chunk = at(position.chunk);
  if (chunk.applied >= step) return false;
  return chunk.applied + 1 != step || position.use >= chunk.covered.size() ||
         !chunk.covered[position.use].ContainsAll(leaves);
}

LeafSet ChunkTable::Missing(const std::vector<Position>& positions, Step step) const {
  LeafSet missing(tree_.leaves());
  for (const Position& position : positions) {
    const Chunk& chunk = at(position.chunk);
    if (chunk.applied >= step) continue;
    if (chunk.applied + 1 != step || position.use >= chunk.covered.size()) {
      missing.Add({0, tree_.leaves()});
    } else {
      missing.AddAll(chunk.covered[position.use].Complement());
    }
    if (missing.full()) break;
  }
  return missing;
}

void ChunkTable::PutAside(Install weights, Step wanted) {
  std::optional<Install>& aside = at(weights.chunk).aside;
  if (aside && aside->step == wanted) return;
  if (aside && weights.step != wanted && weights.step <= aside->step) return;
  aside = std::move(weights);
}

bool ChunkTable::HoldsAll(Step step) const {
  return std::all_of(chunks_.begin(), chunks_.end() - 1,
                     [&](const Chunk& chunk) { return chunk.held && (chunk.frozen || *chunk.held == step); });
}

bool ChunkTable::HoldsAllSince(Step step) const {
  return std::all_of(chunks_.begin(), chunks_.end() - 1,
                     [&](const Chunk& chunk) { return chunk.held && (chunk.frozen || *chunk.held >= step); });
}

}  // namespace banyan::worker
