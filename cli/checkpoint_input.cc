#include "cli/checkpoint_input.h"

#include "absl/strings/str_cat.h"
#include "cli/report/result.h"
#include "common/base/status.h"
#include "common/checkpoint/manifest.h"
#include "common/file/file_util.h"

namespace banyan::cli {

absl::StatusOr<std::string> FindFolder(Environment& environment, const ClusterFlags& cluster,
                                       const std::string& argument) {
  ASSIGN_OR_RETURN(const bool exists, Exists(environment.files, argument));
  if (exists) return environment.files.RealPath(argument);
  if (argument.find('/') != std::string::npos) {
    return absl::NotFoundError(absl::StrCat("no directory '", argument, "'"));
  }
  absl::StatusOr<std::unique_ptr<JobsClient>> client = cluster.Connect(environment);
  if (absl::IsNotFound(client.status())) {
    return absl::NotFoundError(absl::StrCat("no directory '", argument, "', and to look for a job of that name: ",
                                            std::string(client.status().message())));
  }
  RETURN_IF_ERROR(client.status());
  ASSIGN_OR_RETURN(const v1::JobDescription job, (*client)->Describe(argument));
  if (!JobFolder(job).empty()) return JobFolder(job);
  return absl::NotFoundError(absl::StrCat("job '", argument, "' has no checkpoint yet"));
}

absl::StatusOr<std::vector<CheckpointEntry>> FindCheckpoints(Environment& environment, const ClusterFlags& cluster,
                                                             const std::string& argument) {
  ASSIGN_OR_RETURN(const std::string folder, FindFolder(environment, cluster, argument));
  ASSIGN_OR_RETURN(const bool is_one, Exists(environment.files, JoinPath(folder, kManifestFile)));
  if (is_one) {
    CheckpointEntry entry{.path = folder};
    const auto reader = CheckpointReader::Open(environment.files, folder);
    if (reader.ok()) entry.name = {.term = reader->term(), .step = reader->step()};
    entry.status = reader.status();
    return std::vector<CheckpointEntry>{entry};
  }
  ASSIGN_OR_RETURN(std::vector<CheckpointEntry> entries, ListCheckpoints(environment.files, folder));
  if (entries.empty()) return absl::NotFoundError(absl::StrCat("no checkpoint in '", folder, "'"));
  return entries;
}

}  // namespace banyan::cli
