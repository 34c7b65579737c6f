#ifndef BANYAN_COORDINATOR_SERVICE_PUBLISH_H_
#define BANYAN_COORDINATOR_SERVICE_PUBLISH_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/checkpoint/publisher.h"
#include "common/file/file_system.h"
#include "coordinator/jobs/job_effects.h"

namespace banyan::coordinator {

// Publishes a job's checkpoint from its servers' parts in `directory`; see PublishCheckpoint.
absl::Status PublishParts(FileSystem& files, const std::string& directory, const JobRecord& record,
                          const JobEffects::PublishRequest& request, absl::Time now);

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_SERVICE_PUBLISH_H_
