#ifndef BANYAN_CLI_BASE_EXIT_CODE_H_
#define BANYAN_CLI_BASE_EXIT_CODE_H_

#include "absl/status/status.h"
#include "proto/cluster.pb.h"

namespace banyan::cli {

// What the program tells a script. Fixed: numbers are added, never changed. docs/cli.md lists them.
enum class ExitCode {
  kDone = 0,
  kJobFailed = 1,      // or: an error that no other number names
  kBadFlags = 2,
  kBadConfig = 3,      // of a job
  kNotAllowed = 4,     // by the token, or in the state the job is in
  kNotFound = 5,       // no such job or file
  kUnreachable = 6,    // the cluster, or its deadline passed
  kBadCheckpoint = 7,  // damaged, or of another program
  kJobStopped = 8,     // by a person
  kTimedOut = 124,     // `wait --timeout`, as timeout(1)
  kDetached = 130,     // Ctrl-C; the job goes on
};

// The code of a failed call; kDone of OK.
ExitCode ExitCodeOf(const absl::Status& status);

// The same where a checkpoint is read: FAILED_PRECONDITION is one of another format.
ExitCode CheckpointExitCodeOf(const absl::Status& status);

// What a job ended with; kDone for a job that is not over.
ExitCode ExitCodeOf(v1::JobState state);

// SUCCEEDED, FAILED or STOPPED.
bool IsOver(v1::JobState state);

}  // namespace banyan::cli

#endif  // BANYAN_CLI_BASE_EXIT_CODE_H_
