#include "server/checkpoint/part_writer.h"

#include <utility>

#include "common/base/status.h"

namespace banyan::server {
namespace {

Payload Elements(const Payload& chunk, const Segment& segment) {
  return chunk.Slice(static_cast<size_t>(segment.offset) * sizeof(float),
                     static_cast<size_t>(segment.element_count) * sizeof(float));
}

}  // namespace

std::optional<absl::StatusOr<PartWriter::Ranges>> PartWriter::Write(const CheckpointWork& work) {
  // What an older term or map began is never finished.
  std::erase_if(parts_, [&](const auto& part) {
    return part.first.first.term < work.term || part.first.second < work.epoch;
  });
  const std::pair name(CheckpointName{.term = work.term, .step = work.step}, work.epoch);
  Part& part = parts_[name];
  // After an error the rest is let go, so that the shard gets its buffers back.
  if (part.status.ok()) part.status = WriteChunk(work, part);
  if (++part.chunks < work.part_chunks) return std::nullopt;
  absl::StatusOr<Ranges> ranges = Finish(part);
  parts_.erase(name);
  return ranges;
}

absl::Status PartWriter::WriteChunk(const CheckpointWork& work, Part& part) {
  if (part.writer == nullptr) {
    ASSIGN_OR_RETURN(part.writer, CheckpointWriter::Open(*options_.files, *options_.layout, work.directory,
                                                         {.term = work.term, .step = work.step}));
  }
  for (const Segment& segment : options_.plan->layout.chunk(work.chunk).segments) {
    const std::string& name = options_.plan->graph.parameter(segment.parameter).name;
    RETURN_IF_ERROR(part.writer->Write(name, segment.first_element, Elements(work.weights, segment)));
    for (size_t slot = 0; slot < work.slots.size(); ++slot) {
      RETURN_IF_ERROR(part.writer->Write(SlotName(name, options_.slots[slot]), segment.first_element,
                                         Elements(work.slots[slot], segment)));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<PartWriter::Ranges> PartWriter::Finish(Part& part) {
  // A newer map had the part begun anew, or the coordinator died before it could note what it had published.
  if (absl::IsAlreadyExists(part.status)) return Ranges();
  RETURN_IF_ERROR(part.status);
  ASSIGN_OR_RETURN(const std::vector<PartRange> written, part.writer->Finish());
  Ranges ranges;
  for (const PartRange& range : written) {
    ranges.push_back({.file = range.file, .offset = range.offset, .size = range.size, .checksum = range.checksum});
  }
  return ranges;
}

}  // namespace banyan::server
