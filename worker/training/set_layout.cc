#include "worker/training/set_layout.h"

namespace banyan::worker {
namespace {

constexpr size_t kAlignment = 16;  // floats

}  // namespace

SetLayout SetLayout::Make(const Graph& graph, const ChunkLayout& chunks) {
  SetLayout layout;
  size_t& size = layout.gradients.set_size;
  for (const Parameter& parameter : graph.parameters) {
    std::vector<size_t>& offsets = layout.offsets.emplace_back();
    if (parameter.kind == ParameterKind::kFrozen) continue;
    for (uint32_t use = 0; use < parameter.uses; ++use) {
      offsets.push_back(size);
      size += (static_cast<size_t>(ElementsOf(parameter.shape)) + kAlignment - 1) / kAlignment * kAlignment;
    }
  }
  for (const ChunkUse& chunk_use : chunks.positions()) {
    const Chunk& chunk = chunks.chunk(chunk_use.chunk);
    GradientLayout::Position& position = layout.gradients.positions.emplace_back();
    position.size = static_cast<size_t>(chunk.element_count);
    for (const Segment& segment : chunk.segments) {
      position.pieces.push_back({.set_offset = layout.OffsetOf({segment.parameter, chunk_use.use}) +
                                               static_cast<size_t>(segment.first_element),
                                 .chunk_offset = static_cast<size_t>(segment.offset),
                                 .size = static_cast<size_t>(segment.element_count)});
    }
  }
  return layout;
}

}  // namespace banyan::worker
