#ifndef BANYAN_CLI_JOB_END_H_
#define BANYAN_CLI_JOB_END_H_

#include <string>

#include "cli/base/command.h"
#include "cli/client/jobs_client.h"
#include "cli/follow/follow.h"

namespace banyan::cli {

// What a command says of a job that it followed to its end: for people how it ended, the loss on the held-out part,
// where the checkpoint lies and what to type next; with `json` the line of result.h. Keeps result.json. Returns the
// exit code of the job's state.
ExitCode PrintJobEnd(Environment& environment, JobsClient& client, const std::string& id, bool json);

// Follows the job and prints its end. Where it is left to itself, says how to find it again: kDetached.
ExitCode FollowToEnd(Environment& environment, JobsClient& client, Interrupts& interrupts, const FollowOptions& options,
                     bool json);

}  // namespace banyan::cli

#endif  // BANYAN_CLI_JOB_END_H_
