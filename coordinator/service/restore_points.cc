#include "coordinator/service/restore_points.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/checkpoint/reader.h"
#include "common/file/file_util.h"
#include "common/logging/logging.h"
#include "coordinator/jobs/fork.h"

namespace banyan::coordinator {
namespace {

absl::Status Check(FileSystem& files, const CheckpointEntry& entry, bool every_byte) {
  RETURN_IF_ERROR(entry.status);
  if (!every_byte) return absl::OkStatus();
  ASSIGN_OR_RETURN(const CheckpointReader reader, CheckpointReader::Open(files, entry.path));
  return reader.VerifyAll();
}

absl::StatusOr<RestorePoint> Nearest(FileSystem& files, const std::string& folder, Step least, Step most,
                                     bool every_byte) {
  ASSIGN_OR_RETURN(std::vector<CheckpointEntry> entries, ListCheckpoints(files, folder));
  // Of one step, that of the newest term: their bits are the same.
  std::ranges::sort(entries, [](const CheckpointEntry& a, const CheckpointEntry& b) {
    return std::pair(a.name.step, a.name.term) > std::pair(b.name.step, b.name.term);
  });
  std::vector<std::string> wrong;
  for (const CheckpointEntry& entry : entries) {
    if (entry.name.step > most || entry.name.step < std::max<Step>(1, least)) continue;
    const absl::Status status = Check(files, entry, every_byte);
    if (status.ok()) return RestorePoint{.step = entry.name.step, .directory = entry.path};
    log::Warning("passing over checkpoint {}: {}", entry.path, std::string(status.message()));
    wrong.emplace_back(status.message());
  }
  if (least == 0) return RestorePoint();
  if (wrong.empty()) wrong.emplace_back("there is none");
  return absl::NotFoundError(absl::StrCat("'", folder, "' has no good checkpoint of steps ", least, " to ", most, ": ",
                                          absl::StrJoin(wrong, "; ")));
}

}  // namespace

absl::StatusOr<RestorePoint> NearestCheckpoint(FileSystem& files, const std::string& folder, Step least, Step most) {
  return Nearest(files, folder, least, most, /*every_byte=*/false);
}

absl::StatusOr<RestorePoint> FindGoodRestorePoint(FileSystem& files, const std::string& jobs_directory,
                                                  const JobRecord& record) {
  const Step most = record.restore.step;
  if (Replays(record)) {
    const JobRecord::Fork& fork = *record.fork;
    return Nearest(files, JoinPath(jobs_directory, fork.parent), fork.least, most, /*every_byte=*/true);
  }
  const Step least = record.fork.has_value() ? record.fork->step : 0;
  return Nearest(files, JoinPath(jobs_directory, record.id), least, most, /*every_byte=*/true);
}

}  // namespace banyan::coordinator
