#ifndef BANYAN_COMMON_MODEL_CHUNK_LAYOUT_H_
#define BANYAN_COMMON_MODEL_CHUNK_LAYOUT_H_

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/graph.h"
#include "common/protocol/ids.h"

namespace banyan {

// Node (level, index) of the tree over a parameter's blocks: blocks index * 2^level .. (index + 1) * 2^level - 1 as far
// as there are any. A node without a right sibling goes by its parent's name, as in common/tree.
struct BlockNode {
  uint32_t level = 0;
  uint32_t index = 0;

  friend auto operator<=>(const BlockNode&, const BlockNode&) = default;
};

// A run of a parameter's elements inside a chunk: whole blocks (kBlockElements, counted from the tensor's first), but
// for the tensor's ragged last one.
struct Segment {
  ParameterId parameter;
  int64_t first_element = 0;  // in the parameter; a multiple of the chunk size
  int64_t element_count = 0;
  int64_t offset = 0;  // elements from the chunk's start; a multiple of 16, so of 64 bytes in fp32
  BlockNode node;      // what it covers

  uint64_t first_block() const { return uint64_t{node.index} << node.level; }
};

// The unit of placement, push, aggregation, update, pull and checkpoint. Its parameters share kind and number of uses.
struct Chunk {
  ParameterKind kind = ParameterKind::kTrainable;
  uint32_t uses = 0;          // gradient trees: those of its parameters; 0 when frozen
  int64_t element_count = 0;  // with the gaps between segments, which are 0 and stay 0
  std::vector<Segment> segments;  // by offset
};

struct ChunkUse {
  ChunkId chunk;
  uint32_t use = 0;

  friend auto operator<=>(const ChunkUse&, const ChunkUse&) = default;
};

// Where a segment of a parameter lies: chunk(chunk).segments[segment].
struct SegmentPlace {
  ChunkId chunk;
  uint32_t segment = 0;

  friend auto operator<=>(const SegmentPlace&, const SegmentPlace&) = default;
};

// How a graph's parameters lie in chunks. A tensor is cut at multiples of the chunk size; what is left over, its tail,
// shares a chunk with the tails that backward completes next, while they fit and are alike in kind and uses. Immutable;
// thread-safe. (Statistics will be a kind of their own here; a pipeline's cut will end the chunks that are open at it.)
class ChunkLayout {
 public:
  // Fails when `chunk_bytes` (of fp32: an fp64 job's chunks have as many elements) is not 16 KiB times a power of two,
  // at most 4 MiB, or would give more chunks than 4,194,304, naming `run.servers.chunk_bytes`.
  static absl::StatusOr<ChunkLayout> Make(const Graph& graph, int64_t chunk_bytes);

  // Without the evaluation chunk. Ids are numbered in the order in which backward first completes chunks, and within
  // one moment in element order; frozen ones come last.
  uint32_t chunk_count() const { return static_cast<uint32_t>(chunks_.size()); }
  const Chunk& chunk(ChunkId id) const { return chunks_[id.value()]; }

  // Carries the loss: the chunk that backward completes first, so one of the last pipeline stage.
  ChunkId ledger_chunk() const { return positions_.front().chunk; }
  // `e` of the step protocol: no elements, no position.
  ChunkId evaluation_chunk() const { return ChunkId(chunk_count()); }

  // The window's positions: every (chunk, use) in the order in which backward completes them.
  std::span<const ChunkUse> positions() const { return positions_; }
  uint32_t PositionOf(ChunkUse chunk_use) const { return position_of_[chunk_use.chunk.value()][chunk_use.use]; }

  // The (chunk, use) complete once this gradient is there and all that backward makes before it, in window order.
  std::span<const ChunkUse> CompletedBy(ParameterUse use) const {
    return completed_by_[use.parameter.value()][use.use];
  }

  // A parameter's segments in element order.
  std::span<const SegmentPlace> SegmentsOf(ParameterId parameter) const { return segments_of_[parameter.value()]; }
  // The chunks that a layer must hold before it runs forward, in the order of its parameters; none twice.
  std::span<const ChunkId> ChunksOf(LayerId layer) const { return chunks_of_[layer.value()]; }
  // All chunks in the order in which forward first needs them.
  std::span<const ChunkId> forward_order() const { return forward_order_; }

 private:
  ChunkLayout() = default;
  // `completions`: all (chunk, use), each with the place in `backward` of the gradient that completes it; sorted.
  void IndexPositions(const Graph& graph, std::span<const std::pair<uint64_t, ChunkUse>> completions,
                      std::span<const ParameterUse> backward);
  void IndexPlaces(const Graph& graph);

  std::vector<Chunk> chunks_;
  std::vector<ChunkUse> positions_;
  std::vector<std::vector<uint32_t>> position_of_;             // [chunk][use]
  std::vector<std::vector<std::vector<ChunkUse>>> completed_by_;  // [parameter][use]
  std::vector<std::vector<SegmentPlace>> segments_of_;         // [parameter]
  std::vector<std::vector<ChunkId>> chunks_of_;                // [layer]
  std::vector<ChunkId> forward_order_;
};

}  // namespace banyan

#endif  // BANYAN_COMMON_MODEL_CHUNK_LAYOUT_H_
