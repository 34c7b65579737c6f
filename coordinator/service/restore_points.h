#ifndef BANYAN_COORDINATOR_SERVICE_RESTORE_POINTS_H_
#define BANYAN_COORDINATOR_SERVICE_RESTORE_POINTS_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/file/file_system.h"
#include "coordinator/jobs/job_record.h"

namespace banyan::coordinator {

// The checkpoint in a job's folder that is nearest to `most` from below, and not below `least`: of those that open, its
// bytes are checked when they are read. Step 0 without a directory, the initial state, where there is none and `least`
// is 0; else NOT_FOUND, with what is wrong with those that are there.
absl::StatusOr<RestorePoint> NearestCheckpoint(FileSystem& files, const std::string& folder, Step least, Step most);

// What the job can begin with for certain, JobEffects::FindRestorePoint: every byte of it was read and is right.
// `jobs_directory` has the jobs' folders.
absl::StatusOr<RestorePoint> FindGoodRestorePoint(FileSystem& files, const std::string& jobs_directory,
                                                  const JobRecord& record);

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_SERVICE_RESTORE_POINTS_H_
