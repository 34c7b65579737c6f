#include "cli/base/exit_code.h"

namespace banyan::cli {

ExitCode ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk: return ExitCode::kDone;
    case absl::StatusCode::kInvalidArgument: return ExitCode::kBadConfig;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAlreadyExists: return ExitCode::kNotAllowed;
    case absl::StatusCode::kNotFound: return ExitCode::kNotFound;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded: return ExitCode::kUnreachable;
    case absl::StatusCode::kDataLoss: return ExitCode::kBadCheckpoint;
    default: return ExitCode::kJobFailed;
  }
}

ExitCode CheckpointExitCodeOf(const absl::Status& status) {
  if (absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status)) return ExitCode::kBadCheckpoint;
  return ExitCodeOf(status);
}

ExitCode ExitCodeOf(v1::JobState state) {
  switch (state) {
    case v1::FAILED: return ExitCode::kJobFailed;
    case v1::STOPPED: return ExitCode::kJobStopped;
    default: return ExitCode::kDone;
  }
}

bool IsOver(v1::JobState state) { return state == v1::SUCCEEDED || state == v1::FAILED || state == v1::STOPPED; }

}  // namespace banyan::cli
