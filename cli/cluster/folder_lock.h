#ifndef BANYAN_CLI_CLUSTER_FOLDER_LOCK_H_
#define BANYAN_CLI_CLUSTER_FOLDER_LOCK_H_

#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "cli/cluster/child_process.h"

namespace banyan::cli {

// Who keeps a cluster in a folder. The lock is the kernel's (a POSIX record lock on `folder`/lock), so it ends with the
// process that took it, however that ends, and it names that process.

// Takes it for this process, until the descriptor is closed. FAILED_PRECONDITION, naming the process that has it.
absl::StatusOr<Descriptor> LockFolder(const std::string& folder);

// The other process that has it.
std::optional<pid_t> FolderOwner(const std::string& folder);

}  // namespace banyan::cli

#endif  // BANYAN_CLI_CLUSTER_FOLDER_LOCK_H_
