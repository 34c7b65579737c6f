#ifndef BANYAN_WORKER_CLIENT_CHUNK_TABLE_H_
#define BANYAN_WORKER_CLIENT_CHUNK_TABLE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "common/tree/leaf_set.h"
#include "common/tree/tree.h"
#include "worker/client/step_types.h"

namespace banyan::worker {

// What a worker knows of a job's chunks: what their primaries have applied and covered, and which weights it holds.
// Thread-compatible.
class ChunkTable {
 public:
  struct Chunk {
    Step applied = 0;              // at the primary, as far as known
    std::vector<LeafSet> covered;  // by use: leaves of step applied + 1 that the primary has; empty: none known
    bool frozen = false;           // in no gradient tree: any weights will do
    std::optional<Step> held;      // step of the weights in place
    std::optional<Install> aside;  // weights that came and cannot be put in place yet
    std::optional<Step> asked;     // pulled on the present stream
    bool moved = false;            // its primary denied it; until the next State
  };

  // `chunks` with elements, and the evaluation chunk as number `chunks`.
  ChunkTable(const Tree& tree, uint32_t chunks, const std::vector<Position>& positions);

  Chunk& at(ChunkId chunk) { return chunks_[chunk.value()]; }
  const Chunk& at(ChunkId chunk) const { return chunks_[chunk.value()]; }
  ChunkId evaluation() const { return ChunkId(with_elements()); }
  uint32_t with_elements() const { return static_cast<uint32_t>(chunks_.size()) - 1; }
  uint32_t size() const { return static_cast<uint32_t>(chunks_.size()); }

  // Another term: nothing is known, nothing held.
  void Reset();

  // The primary has applied this step; a smaller one than known is old news.
  void SetApplied(ChunkId chunk, Step applied);
  void SetCovered(const State::Chunk& state);

  // Whether the primary still wants a partial of `node` for `step`.
  bool Wanted(Position position, Step step, LeafRange leaves) const;
  // The leaves that some of `positions` still lacks for `step`.
  LeafSet Missing(const std::vector<Position>& positions, Step step) const;

  // Weights to be put in place later; those of `wanted`, else the newest, are kept.
  void PutAside(Install weights, Step wanted);

  // Whether every chunk's weights in place are those of `step` (or frozen).
  bool HoldsAll(Step step) const;
  // Of that step or a later one.
  bool HoldsAllSince(Step step) const;

 private:
  const Tree tree_;
  std::vector<Chunk> chunks_;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_CLIENT_CHUNK_TABLE_H_
