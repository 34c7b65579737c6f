#ifndef BANYAN_CLI_BASE_CONTEXTS_H_
#define BANYAN_CLI_BASE_CONTEXTS_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/file/file_system.h"

namespace banyan::cli {

// Where a cluster is.
struct ClusterAddress {
  std::string coordinator;  // host:port
  std::string token_file;
  std::string state_dir = {};  // of a cluster that `local up` made; else empty

  friend bool operator==(const ClusterAddress&, const ClusterAddress&) = default;
};

// The clusters a person knows by name, and which of them commands speak to. Kept as contexts.json:
//
//   {"current": "local",
//    "contexts": {"local": {"coordinator": "127.0.0.1:40113", "token_file": "/...", "state_dir": "/..."}}}
struct Contexts {
  std::string current;  // empty: none
  std::map<std::string, ClusterAddress> known;

  // NOT_FOUND, naming those there are. An empty name means the current one.
  absl::StatusOr<ClusterAddress> Find(const std::string& name) const;
};

// From `directory`/contexts.json; none where there is no such file. INVALID_ARGUMENT where it is damaged.
absl::StatusOr<Contexts> ReadContexts(FileSystem& files, const std::string& directory);

// Makes `directory` where it is missing; atomic.
absl::Status WriteContexts(FileSystem& files, const std::string& directory, const Contexts& contexts);

}  // namespace banyan::cli

#endif  // BANYAN_CLI_BASE_CONTEXTS_H_
