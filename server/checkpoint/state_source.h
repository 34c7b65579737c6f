#ifndef BANYAN_SERVER_CHECKPOINT_STATE_SOURCE_H_
#define BANYAN_SERVER_CHECKPOINT_STATE_SOURCE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/file/file_system.h"
#include "common/job/job_plan.h"
#include "server/shard/shard_output.h"

namespace banyan::server {

// Where a job's chunks come from at the beginning of a term, one path for start, roll-back and resume: a checkpoint's
// directory, the weights of `init_from`, or the initial weights by Philox. Thread-safe.
class StateSource {
 public:
  struct Options {
    FileSystem* files = nullptr;          // outlives the source
    const JobPlan* plan = nullptr;        // outlives the source
    std::vector<std::string> slots;       // the rule's, in its order
    std::string initial_weights;          // directory; empty: by Philox
  };

  explicit StateSource(Options options) : options_(std::move(options)) {}

  // Fills the work's buffers, gaps and slots @0 with zeros. What the reader says where the checkpoint is damaged;
  // INVALID_ARGUMENT where it is another model's.
  absl::Status Restore(const RestoreWork& work) const;

 private:
  absl::Status RestoreInitial(const RestoreWork& work) const;
  absl::Status RestoreCheckpoint(const RestoreWork& work) const;

  const Options options_;
};

}  // namespace banyan::server

#endif  // BANYAN_SERVER_CHECKPOINT_STATE_SOURCE_H_
