#ifndef BANYAN_SERVER_CHECKPOINT_PART_WRITER_H_
#define BANYAN_SERVER_CHECKPOINT_PART_WRITER_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/checkpoint/checkpoint_name.h"
#include "common/checkpoint/layout.h"
#include "common/checkpoint/writer.h"
#include "common/file/file_system.h"
#include "common/job/job_plan.h"
#include "common/protocol/session.h"
#include "server/shard/shard_output.h"

namespace banyan::server {

// Writes one shard's parts of checkpoints, chunk by chunk. Thread-compatible: one thread writes.
class PartWriter {
 public:
  struct Options {
    FileSystem* files = nullptr;               // outlives the writer
    const JobPlan* plan = nullptr;             // outlives the writer
    const CheckpointLayout* layout = nullptr;  // outlives the writer
    std::vector<std::string> slots;            // the rule's, in its order
  };
  using Ranges = std::vector<CheckpointPart::Range>;

  explicit PartWriter(Options options) : options_(std::move(options)) {}

  // Writes a chunk. With the last one of a part: makes the part durable and gives its ranges, or the first error that
  // the part met. A part of a checkpoint that is published is durable, and has no ranges to tell.
  std::optional<absl::StatusOr<Ranges>> Write(const CheckpointWork& work);

 private:
  struct Part {
    std::unique_ptr<CheckpointWriter> writer;
    absl::Status status;
    size_t chunks = 0;
  };

  absl::Status WriteChunk(const CheckpointWork& work, Part& part);
  absl::StatusOr<Ranges> Finish(Part& part);

  const Options options_;
  std::map<std::pair<CheckpointName, Epoch>, Part> parts_;
};

}  // namespace banyan::server

#endif  // BANYAN_SERVER_CHECKPOINT_PART_WRITER_H_
