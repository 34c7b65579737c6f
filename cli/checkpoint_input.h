#ifndef BANYAN_CLI_CHECKPOINT_INPUT_H_
#define BANYAN_CLI_CHECKPOINT_INPUT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/base/command.h"
#include "common/checkpoint/reader.h"

namespace banyan::cli {

// The directory that an argument names: itself where there is one, else the folder of a job of the cluster.
absl::StatusOr<std::string> FindFolder(Environment& environment, const ClusterFlags& cluster,
                                       const std::string& argument);

// The checkpoints that an argument names, newest first: of a checkpoint's directory, of a job's folder, or, where there
// is no such directory, of a job of the cluster. NOT_FOUND where there are none.
absl::StatusOr<std::vector<CheckpointEntry>> FindCheckpoints(Environment& environment, const ClusterFlags& cluster,
                                                             const std::string& argument);

}  // namespace banyan::cli

#endif  // BANYAN_CLI_CHECKPOINT_INPUT_H_
