#include "cli/base/exit_code.h"

#include "gtest/gtest.h"

namespace banyan::cli {
namespace {

TEST(ExitCodeTest, FollowsTheKindOfFailure) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), ExitCode::kDone);
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("")), ExitCode::kBadConfig);
  EXPECT_EQ(ExitCodeOf(absl::PermissionDeniedError("")), ExitCode::kNotAllowed);
  EXPECT_EQ(ExitCodeOf(absl::UnauthenticatedError("")), ExitCode::kNotAllowed);
  EXPECT_EQ(ExitCodeOf(absl::FailedPreconditionError("")), ExitCode::kNotAllowed);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("")), ExitCode::kNotFound);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("")), ExitCode::kUnreachable);
  EXPECT_EQ(ExitCodeOf(absl::DeadlineExceededError("")), ExitCode::kUnreachable);
  EXPECT_EQ(ExitCodeOf(absl::DataLossError("")), ExitCode::kBadCheckpoint);
  EXPECT_EQ(ExitCodeOf(absl::InternalError("")), ExitCode::kJobFailed);
}

TEST(ExitCodeTest, KnowsACheckpointOfAnotherFormat) {
  EXPECT_EQ(CheckpointExitCodeOf(absl::FailedPreconditionError("")), ExitCode::kBadCheckpoint);
  EXPECT_EQ(CheckpointExitCodeOf(absl::NotFoundError("")), ExitCode::kNotFound);
}

TEST(ExitCodeTest, FollowsTheJobsEnd) {
  EXPECT_EQ(ExitCodeOf(v1::SUCCEEDED), ExitCode::kDone);
  EXPECT_EQ(ExitCodeOf(v1::FAILED), ExitCode::kJobFailed);
  EXPECT_EQ(ExitCodeOf(v1::STOPPED), ExitCode::kJobStopped);
  EXPECT_EQ(ExitCodeOf(v1::RUNNING), ExitCode::kDone);
}

TEST(ExitCodeTest, HasTheDocumentedNumbers) {
  EXPECT_EQ(static_cast<int>(ExitCode::kBadFlags), 2);
  EXPECT_EQ(static_cast<int>(ExitCode::kJobStopped), 8);
  EXPECT_EQ(static_cast<int>(ExitCode::kTimedOut), 124);
  EXPECT_EQ(static_cast<int>(ExitCode::kDetached), 130);
}

}  // namespace
}  // namespace banyan::cli
