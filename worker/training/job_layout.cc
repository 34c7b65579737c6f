#include "worker/training/job_layout.h"

#include "common/model/graph.h"

namespace banyan::worker {
namespace {

constexpr size_t kAlignment = 16;  // floats: a cache line

}  // namespace

JobLayout::JobLayout(const JobPlan& plan) {
  for (uint32_t id = 0; id < plan.graph.parameters.size(); ++id) {
    const Parameter& parameter = plan.graph.parameters[id];
    runs_.emplace_back();
    completed_by_.emplace_back();
    if (parameter.kind != ParameterKind::kTrainable) continue;
    for (uint32_t use = 0; use < parameter.uses; ++use) {
      const size_t size = static_cast<size_t>(ElementsOf(parameter.shape));
      runs_.back().push_back({gradients_.set_size, size});
      gradients_.set_size += (size + kAlignment - 1) / kAlignment * kAlignment;
      completed_by_.back().emplace_back();
      for (const ChunkUse& done : plan.layout.CompletedBy({ParameterId(id), use})) {
        completed_by_.back().back().push_back(plan.layout.PositionOf(done));
      }
    }
  }
  for (const ChunkUse& position : plan.layout.positions()) {
    positions_.push_back({position.chunk, position.use});
    const Chunk& chunk = plan.layout.chunk(position.chunk);
    GradientLayout::Position& place = gradients_.positions.emplace_back();
    place.size = static_cast<size_t>(chunk.element_count);
    for (const Segment& segment : chunk.segments) {
      const Run run = runs_[segment.parameter.value()][position.use];
      place.pieces.push_back({.set_offset = run.offset + static_cast<size_t>(segment.first_element),
                              .chunk_offset = static_cast<size_t>(segment.offset),
                              .size = static_cast<size_t>(segment.element_count)});
    }
  }
}

}  // namespace banyan::worker
