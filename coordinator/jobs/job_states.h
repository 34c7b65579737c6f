#ifndef BANYAN_COORDINATOR_JOBS_JOB_STATES_H_
#define BANYAN_COORDINATOR_JOBS_JOB_STATES_H_

#include <string_view>

#include "common/protocol/session.h"

namespace banyan::coordinator {

// The states of a job and the edges between them:
//
//   QUEUED      waits for servers and workers             -> STARTING PAUSED STOPPED FAILED
//   STARTING    data indexed, servers restore             -> RUNNING RECOVERING STOPPING PAUSED STOPPED FAILED
//   RUNNING     steps go on                               -> RECOVERING STOPPING PAUSED STOPPED SUCCEEDED FAILED
//   RECOVERING  too few servers or workers are left       -> STARTING RUNNING STOPPING PAUSED STOPPED FAILED
//   PAUSED      has no processes, and is not over         -> QUEUED STOPPED
//   STOPPING    on its way to the checkpoint of the stop  -> PAUSED STOPPED FAILED
//   STOPPED     may be resumed                            -> QUEUED
//   SUCCEEDED   over
//   FAILED      may be resumed                            -> QUEUED
//
// A fork that has its parent's state is queued again, from STARTING, RUNNING or RECOVERING.
bool MayFollow(JobState from, JobState to);

// "QUEUED".
std::string_view JobStateName(JobState state);

// Whether the job has processes working for it, or shall have.
bool IsActive(JobState state);

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_JOBS_JOB_STATES_H_
