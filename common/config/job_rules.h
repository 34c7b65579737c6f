#ifndef BANYAN_COMMON_CONFIG_JOB_RULES_H_
#define BANYAN_COMMON_CONFIG_JOB_RULES_H_

#include "common/config/diagnostic.h"
#include "common/config/locations.h"
#include "proto/job.pb.h"

namespace banyan::config {

// Most leaves of a step.
inline constexpr uint64_t kMaxLeaves = 1 << 20;

// What the rules of single fields cannot say: fields that must agree with each other. `job` has its defaults
// (WithDefaults); fields that are missing or out of bounds are somebody else's to report and are passed over.
void CheckJob(const v1::Job& job, const Locations& locations, Diagnostics* diagnostics);

}  // namespace banyan::config

#endif  // BANYAN_COMMON_CONFIG_JOB_RULES_H_
