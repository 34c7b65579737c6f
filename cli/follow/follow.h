#ifndef BANYAN_CLI_FOLLOW_FOLLOW_H_
#define BANYAN_CLI_FOLLOW_FOLLOW_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/base/environment.h"
#include "cli/client/jobs_client.h"
#include "cli/report/progress.h"

namespace banyan::cli {

enum class FollowEnd {
  kOver,         // SUCCEEDED, FAILED or STOPPED
  kReached,      // `until` said so
  kInterrupted,  // and the job goes on
  kTimedOut,
};

struct FollowOptions {
  std::string job;  // its id
  // Whether the first Ctrl-C stops the job (and its end is still waited for), or only ends the following.
  bool interrupt_stops = false;
  // Ends the following when true; asked after each update.
  std::function<bool(const Progress&)> until = [](const Progress&) { return false; };
  absl::Duration timeout = absl::InfiniteDuration();
  // A coordinator that went away is waited for this long.
  absl::Duration patience = absl::Seconds(30);
  // How often the line is drawn and interrupts are looked for.
  absl::Duration tick = absl::Milliseconds(200);
};

// Shows on environment.err how the job goes, on one line that is drawn over where that is possible, else a line now and
// then; its events are lines of their own. Returns how it ended, or why the coordinator can no longer be heard.
absl::StatusOr<FollowEnd> Follow(Environment& environment, JobsClient& client, Interrupts& interrupts,
                                 const FollowOptions& options);

}  // namespace banyan::cli

#endif  // BANYAN_CLI_FOLLOW_FOLLOW_H_
