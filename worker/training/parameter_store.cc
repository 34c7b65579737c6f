#include "worker/training/parameter_store.h"

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace banyan::worker {
namespace {

constexpr int64_t kAlignment = 64;  // bytes
constexpr int64_t kElementBytes = sizeof(float);

}  // namespace

absl::StatusOr<std::unique_ptr<ParameterStore>> ParameterStore::Create(const JobPlan& plan, Device& device) {
  std::unique_ptr<ParameterStore> store(new ParameterStore(plan));
  std::vector<int64_t> offsets;
  int64_t bytes = 0;
  for (const Parameter& parameter : plan.graph.parameters) {
    offsets.push_back(bytes);
    bytes += (ElementsOf(parameter.shape) * kElementBytes + kAlignment - 1) / kAlignment * kAlignment;
  }
  ASSIGN_OR_RETURN(store->buffer_, device.Allocate(bytes));
  ASSIGN_OR_RETURN(store->stream_, device.NewStream());
  for (size_t i = 0; i < offsets.size(); ++i) {
    const int64_t elements = ElementsOf(plan.graph.parameters[i].shape);
    store->tensors_.push_back(store->buffer_.view(DType::kU8, offsets[i], elements * kElementBytes));
    store->views_.push_back(store->buffer_.view(DType::kF32, offsets[i], elements));
  }
  return store;
}

absl::Status ParameterStore::Install(ChunkId id, const Payload& weights) {
  const Chunk& chunk = plan_.layout.chunk(id);
  const size_t expected = static_cast<size_t>(chunk.element_count * kElementBytes);
  if (weights.size() != expected) {
    return absl::InvalidArgumentError(
        absl::StrCat("weights of chunk ", id.value(), " have ", weights.size(), " bytes, expected ", expected));
  }
  for (const Segment& segment : chunk.segments) {
    const View& tensor = tensors_[segment.parameter.value()];
    int64_t to = segment.first_element * kElementBytes;
    const Payload part = weights.Slice(static_cast<size_t>(segment.offset * kElementBytes),
                                       static_cast<size_t>(segment.element_count * kElementBytes));
    for (const Payload::Range& range : part.ranges()) {
      const int64_t size = static_cast<int64_t>(range.bytes.size());
      stream_->Copy(ConstView(range.bytes.data(), DType::kU8, size), tensor.Slice(to, size));
      to += size;
    }
  }
  return stream_->Synchronize();
}

}  // namespace banyan::worker
