#include "common/model/chunk_layout.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/reduce/norm.h"

namespace banyan {
namespace {

constexpr int64_t kBlock = kBlockElements;
constexpr int64_t kAlignment = 16;  // elements: 64 bytes of fp32
constexpr int64_t kBytesPerElement = 4;
constexpr int64_t kMinChunkBytes = kBlock * kBytesPerElement;
constexpr int64_t kMaxChunkBytes = 4 << 20;  // a message of the wire holds it with room for its header
constexpr int64_t kMaxChunks = int64_t{1} << 22;
constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

absl::Status CheckChunkBytes(const Graph& graph, int64_t chunk_bytes) {
  if (chunk_bytes < kMinChunkBytes || chunk_bytes > kMaxChunkBytes ||
      !std::has_single_bit(static_cast<uint64_t>(chunk_bytes))) {
    return absl::InvalidArgumentError(absl::StrCat("run.servers.chunk_bytes: ", chunk_bytes, ", expected ",
                                                   kMinChunkBytes, " times a power of two, at most ", kMaxChunkBytes));
  }
  int64_t chunks = 0;
  for (const Parameter& parameter : graph.parameters) {
    const int64_t elements = ElementsOf(parameter.shape);
    chunks += (elements - 1) / (chunk_bytes / kBytesPerElement) + 1;
  }
  if (chunks > kMaxChunks) {
    return absl::InvalidArgumentError(absl::StrCat("run.servers.chunk_bytes: ", chunk_bytes, " gives ", chunks,
                                                   " chunks, expected at most ", kMaxChunks, "; use larger chunks"));
  }
  return absl::OkStatus();
}

bool HasGradient(const Parameter& parameter) { return parameter.kind != ParameterKind::kFrozen; }

// All uses in the order in which backward hands their gradients over.
std::vector<ParameterUse> BackwardUses(const Graph& graph) {
  std::vector<ParameterUse> uses;
  for (const Layer& layer : graph.layers) uses.insert(uses.end(), layer.parameters.begin(), layer.parameters.end());
  std::reverse(uses.begin(), uses.end());
  return uses;
}

// The node of the tree over `blocks` blocks that covers those from `first` on, at most `run` (a power of two, of which
// `first` is a multiple). A node without a right sibling goes by its parent's name.
BlockNode NodeOf(uint64_t first, uint64_t run, uint64_t blocks) {
  uint32_t level = static_cast<uint32_t>(std::bit_width(std::min(run, std::bit_ceil(blocks))) - 1);
  uint64_t index = first >> level;
  while (index > 0 && index % 2 == 0 && ((index + 1) << level) >= blocks) {
    index /= 2;
    ++level;
  }
  return BlockNode{level, static_cast<uint32_t>(index)};
}

// Cuts parameters into chunks, in the order of the calls. A new tail goes into its group's open chunk if it fits, else
// it opens another: chunks stay close to the order of backward, which a better packing would not.
class Packer {
 public:
  explicit Packer(int64_t chunk_elements) : chunk_elements_(chunk_elements) {}

  void Add(const Graph& graph, ParameterId id) {
    const Parameter& parameter = graph.parameter(id);
    const uint32_t uses = HasGradient(parameter) ? parameter.uses : 0;
    const int64_t elements = ElementsOf(parameter.shape);
    for (int64_t first = 0; first < elements; first += chunk_elements_) {
      Segment segment{.parameter = id,
                      .first_element = first,
                      .element_count = std::min(chunk_elements_, elements - first),
                      .offset = 0,
                      .node = NodeOf(first / kBlock, chunk_elements_ / kBlock, (elements - 1) / kBlock + 1)};
      Chunk& chunk = ChunkFor(parameter.kind, uses, segment.element_count);
      segment.offset = Aligned(chunk.element_count);
      chunk.element_count = segment.offset + segment.element_count;
      chunk.segments.push_back(segment);
    }
  }

  std::vector<Chunk> Take() && { return std::move(chunks_); }

 private:
  static int64_t Aligned(int64_t elements) { return (elements + kAlignment - 1) / kAlignment * kAlignment; }

  Chunk& ChunkFor(ParameterKind kind, uint32_t uses, int64_t elements) {
    const bool whole = elements == chunk_elements_;
    const auto open = open_.find({kind, uses});
    if (!whole && open != open_.end() && Aligned(chunks_[open->second].element_count) + elements <= chunk_elements_) {
      return chunks_[open->second];
    }
    if (!whole) open_[{kind, uses}] = chunks_.size();
    chunks_.push_back({.kind = kind, .uses = uses, .element_count = 0, .segments = {}});
    return chunks_.back();
  }

  const int64_t chunk_elements_;
  std::vector<Chunk> chunks_;
  std::map<std::pair<ParameterKind, uint32_t>, size_t> open_;
};

// When backward hands over each gradient: its place in BackwardUses.
class Timetable {
 public:
  Timetable(const Graph& graph, std::span<const ParameterUse> backward) : times_(graph.parameters.size()) {
    for (size_t i = 0; i < times_.size(); ++i) times_[i].resize(graph.parameters[i].uses, kNever);
    for (size_t time = 0; time < backward.size(); ++time) {
      times_[backward[time].parameter.value()][backward[time].use] = time;
    }
  }

  uint64_t Completes(const Chunk& chunk, uint32_t use) const {
    uint64_t last = 0;
    for (const Segment& segment : chunk.segments) last = std::max(last, times_[segment.parameter.value()][use]);
    return last;
  }

  // Backward makes a parameter's last use first.
  uint64_t FirstCompletes(const Chunk& chunk) const {
    return chunk.uses == 0 ? kNever : Completes(chunk, chunk.uses - 1);
  }

 private:
  std::vector<std::vector<uint64_t>> times_;  // [parameter][use]
};

std::vector<Chunk> CutIntoChunks(const Graph& graph, int64_t chunk_elements, std::span<const ParameterUse> backward,
                                 const Timetable& timetable) {
  Packer packer(chunk_elements);
  for (const ParameterUse& use : backward) {
    const Parameter& parameter = graph.parameter(use.parameter);
    if (HasGradient(parameter) && use.use + 1 == parameter.uses) packer.Add(graph, use.parameter);
  }
  for (uint32_t i = 0; i < graph.parameters.size(); ++i) {
    if (!HasGradient(graph.parameters[i])) packer.Add(graph, ParameterId(i));
  }
  std::vector<Chunk> chunks = std::move(packer).Take();
  std::stable_sort(chunks.begin(), chunks.end(), [&](const Chunk& a, const Chunk& b) {
    return timetable.FirstCompletes(a) < timetable.FirstCompletes(b);
  });
  return chunks;
}

}  // namespace

absl::StatusOr<ChunkLayout> ChunkLayout::Make(const Graph& graph, int64_t chunk_bytes) {
  RETURN_IF_ERROR(CheckChunkBytes(graph, chunk_bytes));
  const std::vector<ParameterUse> backward = BackwardUses(graph);
  const Timetable timetable(graph, backward);
  ChunkLayout layout;
  layout.chunks_ = CutIntoChunks(graph, chunk_bytes / kBytesPerElement, backward, timetable);

  std::vector<std::pair<uint64_t, ChunkUse>> completions;
  for (uint32_t i = 0; i < layout.chunks_.size(); ++i) {
    for (uint32_t use = 0; use < layout.chunks_[i].uses; ++use) {
      completions.push_back({timetable.Completes(layout.chunks_[i], use), {ChunkId(i), use}});
    }
  }
  if (completions.empty()) return absl::InvalidArgumentError("recipe.model: nothing to train, expected a parameter");
  std::sort(completions.begin(), completions.end());
  layout.IndexPositions(graph, completions, backward);
  layout.IndexPlaces(graph);
  return layout;
}

void ChunkLayout::IndexPositions(const Graph& graph, std::span<const std::pair<uint64_t, ChunkUse>> completions,
                                 std::span<const ParameterUse> backward) {
  completed_by_.resize(graph.parameters.size());
  for (size_t i = 0; i < completed_by_.size(); ++i) completed_by_[i].resize(graph.parameters[i].uses);
  position_of_.resize(chunks_.size());
  for (size_t i = 0; i < chunks_.size(); ++i) position_of_[i].resize(chunks_[i].uses);
  for (const auto& [time, chunk_use] : completions) {
    position_of_[chunk_use.chunk.value()][chunk_use.use] = static_cast<uint32_t>(positions_.size());
    positions_.push_back(chunk_use);
    completed_by_[backward[time].parameter.value()][backward[time].use].push_back(chunk_use);
  }
}

void ChunkLayout::IndexPlaces(const Graph& graph) {
  segments_of_.resize(graph.parameters.size());
  for (uint32_t i = 0; i < chunks_.size(); ++i) {
    for (uint32_t k = 0; k < chunks_[i].segments.size(); ++k) {
      segments_of_[chunks_[i].segments[k].parameter.value()].push_back({ChunkId(i), k});
    }
  }
  const auto first_element = [this](const SegmentPlace& place) {
    return chunk(place.chunk).segments[place.segment].first_element;
  };
  for (std::vector<SegmentPlace>& places : segments_of_) {
    std::sort(places.begin(), places.end(), [&](const SegmentPlace& a, const SegmentPlace& b) {
      return first_element(a) < first_element(b);
    });
  }

  constexpr size_t kNoLayer = std::numeric_limits<size_t>::max();
  std::vector<size_t> last_layer(chunks_.size(), kNoLayer);  // that listed the chunk
  chunks_of_.resize(graph.layers.size());
  for (size_t i = 0; i < graph.layers.size(); ++i) {
    for (const ParameterUse& use : graph.layers[i].parameters) {
      for (const SegmentPlace& place : SegmentsOf(use.parameter)) {
        size_t& last = last_layer[place.chunk.value()];
        if (last == kNoLayer) forward_order_.push_back(place.chunk);
        if (last != i) chunks_of_[i].push_back(place.chunk);
        last = i;
      }
    }
  }
}

}  // namespace banyan
