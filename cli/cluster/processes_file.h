#ifndef BANYAN_CLI_CLUSTER_PROCESSES_FILE_H_
#define BANYAN_CLI_CLUSTER_PROCESSES_FILE_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/file/file_system.h"

namespace banyan::cli {

// A process of a local cluster.
struct LocalProcess {
  std::string role;  // "coordinator", "server", "worker"
  int index = 0;     // among those of its role
  pid_t pid = 0;
  std::string endpoint;  // host:port
  std::string metrics;   // host:port of its metrics page; empty: none

  // "coordinator", "server-0", "worker-3".
  std::string Name() const;

  friend bool operator==(const LocalProcess&, const LocalProcess&) = default;
};

// `directory`/processes.json: [{"role", "index", "pid", "endpoint", "metrics"}]. Written atomically.
absl::Status WriteProcesses(FileSystem& files, const std::string& directory,
                            const std::vector<LocalProcess>& processes);

// NOT_FOUND where there is no such file, INVALID_ARGUMENT where it is damaged.
absl::StatusOr<std::vector<LocalProcess>> ReadProcesses(FileSystem& files, const std::string& directory);

// Whether the process that `process` names still runs, and is not another that got its number: its command line names
// `directory`, which is absolute and without symbolic links.
bool IsAlive(const LocalProcess& process, const std::string& directory);

}  // namespace banyan::cli

#endif  // BANYAN_CLI_CLUSTER_PROCESSES_FILE_H_
