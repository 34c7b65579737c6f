#include "server/checkpoint/state_source.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/checkpoint/layout.h"
#include "common/checkpoint/reader.h"
#include "common/model/initialize.h"

namespace banyan::server {
namespace {

// The segment's part of a chunk-sized buffer.
std::span<float> Elements(const Segment& segment, const BufferRef& buffer) {
  return buffer->values().subspan(static_cast<size_t>(segment.offset), static_cast<size_t>(segment.element_count));
}

}  // namespace

absl::Status StateSource::Restore(const RestoreWork& work) const {
  for (const RestoreWork::Chunk& chunk : work.chunks) {
    std::ranges::fill(chunk.weights->values(), 0.0f);
    for (const BufferRef& slot : chunk.slots) std::ranges::fill(slot->values(), 0.0f);
  }
  return work.point.directory.empty() ? RestoreInitial(work) : RestoreCheckpoint(work);
}

absl::Status StateSource::RestoreInitial(const RestoreWork& work) const {
  if (work.point.step != 0) {
    return absl::InvalidArgumentError(absl::StrCat("restore point @", work.point.step, " names no directory"));
  }
  std::optional<TensorFiles> weights;
  if (!options_.initial_weights.empty() && !work.chunks.empty()) {
    ASSIGN_OR_RETURN(weights, OpenInitialWeights(*options_.files, options_.initial_weights));
  }
  for (const RestoreWork::Chunk& chunk : work.chunks) {
    for (const Segment& segment : options_.plan->layout.chunk(chunk.chunk).segments) {
      const Parameter& parameter = options_.plan->graph.parameter(segment.parameter);
      const std::span<float> elements = Elements(segment, chunk.weights);
      if (!weights.has_value()) {
        Initialize(options_.plan->seed, parameter, segment.first_element, elements);
        continue;
      }
      if (absl::Status status = weights->Check(parameter.name, parameter.shape); !status.ok()) {
        return Annotate(status, absl::StrCat("init_from '", options_.initial_weights, "'"));
      }
      RETURN_IF_ERROR(weights->Read(parameter.name, segment.first_element, std::as_writable_bytes(elements)));
    }
  }
  return absl::OkStatus();
}

absl::Status StateSource::RestoreCheckpoint(const RestoreWork& work) const {
  if (work.chunks.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const CheckpointReader reader, CheckpointReader::Open(*options_.files, work.point.directory));
  const auto annotate = [&](const absl::Status& status) {
    return Annotate(status, absl::StrCat("checkpoint '", work.point.directory, "'"));
  };
  if (reader.step() != work.point.step) {
    return annotate(absl::InvalidArgumentError(
        absl::StrCat("is of step ", reader.step(), ", expected step ", work.point.step)));
  }
  for (const RestoreWork::Chunk& chunk : work.chunks) {
    for (const Segment& segment : options_.plan->layout.chunk(chunk.chunk).segments) {
      const Parameter& parameter = options_.plan->graph.parameter(segment.parameter);
      if (absl::Status status = reader.contents().Check(parameter.name, parameter.shape); !status.ok()) {
        return annotate(status);
      }
      RETURN_IF_ERROR(reader.Read(parameter.name, segment.first_element,
                                  std::as_writable_bytes(Elements(segment, chunk.weights))));
      for (size_t slot = 0; slot < chunk.slots.size(); ++slot) {
        RETURN_IF_ERROR(reader.Read(SlotName(parameter.name, options_.slots[slot]), segment.first_element,
                                    std::as_writable_bytes(Elements(segment, chunk.slots[slot]))));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace banyan::server
