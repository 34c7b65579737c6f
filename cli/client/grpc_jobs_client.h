#ifndef BANYAN_CLI_CLIENT_GRPC_JOBS_CLIENT_H_
#define BANYAN_CLI_CLIENT_GRPC_JOBS_CLIENT_H_

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "cli/client/jobs_client.h"

namespace banyan::cli {

// A client of the coordinator at `endpoint`. Calls may take up to `deadline` each (Watch: no limit). UNAVAILABLE where
// nobody listens; first it waits up to `patience` for a coordinator that is just being started again.
std::unique_ptr<JobsClient> ConnectToJobs(const std::string& endpoint, const std::string& token,
                                          absl::Duration deadline = absl::Seconds(10),
                                          absl::Duration patience = absl::Seconds(5));

}  // namespace banyan::cli

#endif  // BANYAN_CLI_CLIENT_GRPC_JOBS_CLIENT_H_
