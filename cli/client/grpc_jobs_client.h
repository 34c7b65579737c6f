#ifndef BANYAN_CLI_CLIENT_GRPC_JOBS_CLIENT_H_
#define BANYAN_CLI_CLIENT_GRPC_JOBS_CLIENT_H_

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "cli/client/jobs_client.h"

namespace banyan::cli {

// A client of the coordinator at `endpoint`. Connects with the first call, each of which may take up to `deadline`
// (Watch: no limit). UNAVAILABLE where nobody listens.
std::unique_ptr<JobsClient> ConnectToJobs(const std::string& endpoint, const std::string& token,
                                          absl::Duration deadline = absl::Seconds(10));

}  // namespace banyan::cli

#endif  // BANYAN_CLI_CLIENT_GRPC_JOBS_CLIENT_H_
