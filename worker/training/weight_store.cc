#include "worker/training/weight_store.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace banyan::worker {
namespace {

constexpr int64_t kElementBytes = sizeof(float);

}  // namespace

absl::StatusOr<std::unique_ptr<WeightStore>> WeightStore::Create(Device& device, const Graph& graph,
                                                                 const ChunkLayout& chunks) {
  std::unique_ptr<WeightStore> store(new WeightStore(chunks));
  ASSIGN_OR_RETURN(store->stream_, device.NewStream());
  for (const Parameter& parameter : graph.parameters) {
    const int64_t elements = ElementsOf(parameter.shape);
    ASSIGN_OR_RETURN(Buffer buffer, device.Allocate(elements * kElementBytes));
    store->views_.push_back(buffer.view(DType::kF32, 0, elements));
    store->buffers_.push_back(std::move(buffer));
  }
  return store;
}

// The ranges are cut as the network cut them, segments as the model is: both are walked side by side.
absl::Status WeightStore::Install(ChunkId id, const Payload& data) {
  const Chunk& chunk = chunks_.chunk(id);
  if (data.size() != static_cast<size_t>(chunk.element_count * kElementBytes)) {
    return absl::InvalidArgumentError(absl::StrCat("weights of chunk ", id.value(), " have ", data.size(),
                                                   " bytes, expected ", chunk.element_count * kElementBytes));
  }
  auto segment = chunk.segments.begin();
  int64_t range_begin = 0;
  for (const Payload::Range& range : data.ranges()) {
    const int64_t range_end = range_begin + static_cast<int64_t>(range.bytes.size());
    while (segment != chunk.segments.end()) {
      const int64_t segment_begin = segment->offset * kElementBytes;
      const int64_t segment_end = segment_begin + segment->element_count * kElementBytes;
      const int64_t begin = std::max(range_begin, segment_begin);
      const int64_t end = std::min(range_end, segment_end);
      if (begin < end) {
        const int64_t at = segment->first_element * kElementBytes + begin - segment_begin;
        stream_->Copy(ConstView(range.bytes.data() + (begin - range_begin), DType::kU8, end - begin),
                      buffers_[segment->parameter.value()].view(DType::kU8, at, end - begin));
      }
      if (segment_end > range_end) break;
      ++segment;
    }
    range_begin = range_end;
  }
  return stream_->Synchronize();
}

}  // namespace banyan::worker
