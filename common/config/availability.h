#ifndef BANYAN_COMMON_CONFIG_AVAILABILITY_H_
#define BANYAN_COMMON_CONFIG_AVAILABILITY_H_

#include "common/config/diagnostic.h"
#include "common/config/locations.h"
#include "proto/job.pb.h"

namespace banyan::config {

// Refuses what the schema can say and this version cannot do, so that nobody is silently given less than he asked for.
// A feature that lands takes its lines out of here. `job` has its defaults (WithDefaults).
void CheckAvailable(const v1::Job& job, const Locations& locations, Diagnostics* diagnostics);

}  // namespace banyan::config

#endif  // BANYAN_COMMON_CONFIG_AVAILABILITY_H_
