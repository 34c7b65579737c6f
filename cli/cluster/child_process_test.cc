#include "cli/cluster/child_process.h"

#include <signal.h>
#include <unistd.h>

#include "common/file/file_util.h"
#include "common/file/posix_file_system.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace banyan::cli {
namespace {

using testing::HasSubstr;

constexpr absl::Duration kLong = absl::Seconds(60);

class ChildProcessTest : public testing::Test {
 protected:
  ChildProcessTest() {
    EXPECT_TRUE(CreateDirectories(files_, folder_).ok());
    EXPECT_EQ(symlink((std::string(getenv("TEST_SRCDIR")) + "/" + getenv("TEST_WORKSPACE") +
                       "/cli/cluster/fake_daemon").c_str(), program_.c_str()), 0);
  }
  void Do(const std::string& what) { EXPECT_TRUE(WriteFileAtomically(files_, program_ + ".does", what).ok()); }

  PosixFileSystem files_;
  const std::string folder_ =
      testing::TempDir() + "/child-" + testing::UnitTest::GetInstance()->current_test_info()->name();
  const std::string program_ = folder_ + "/daemon";
  const std::string log_ = folder_ + "/log";
};

TEST_F(ChildProcessTest, GivesItsReadyLineAndEndsAtSigterm) {
  ChildProcess child = ChildProcess::Start({.command = {program_, "--x=1"}, .log_file = log_}).value();
  EXPECT_THAT(child.WaitUntilReady(kLong)->endpoint, HasSubstr("127.0.0.1:"));
  EXPECT_EQ(getpgid(child.pid()), child.pid());
  child.Signal(SIGTERM);
  EXPECT_EQ(child.WaitForEnd(kLong), "exited with status 0");
  EXPECT_EQ(ReadFile(files_, log_, 1000).value(), "--x=1\n");
}

TEST_F(ChildProcessTest, EndsWithItsParentsPipe) {
  Pipe pipe = MakePipe().value();
  ChildProcess child = ChildProcess::Start({.command = {program_, "--parent-pipe=3"},
                                            .log_file = log_,
                                            .parent_pipe = pipe.read.get()}).value();
  ASSERT_TRUE(child.WaitUntilReady(kLong).ok());
  EXPECT_EQ(child.WaitForEnd(absl::ZeroDuration()), std::nullopt);
  pipe.write.reset();
  EXPECT_EQ(child.WaitForEnd(kLong), "exited with status 0");
}

TEST_F(ChildProcessTest, AProgramThatDiesIsToldWithItsLog) {
  Do("dies");
  ChildProcess child = ChildProcess::Start({.command = {program_}, .log_file = log_}).value();
  const absl::Status status = child.WaitUntilReady(kLong).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("exited with status 3 before it was ready"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("error: the disk is full"));
}

TEST_F(ChildProcessTest, ASilentProgramMeetsTheDeadline) {
  Do("silent");
  ChildProcess child = ChildProcess::Start({.command = {program_}, .log_file = log_}).value();
  const absl::Status status = child.WaitUntilReady(absl::Milliseconds(10)).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("was not ready after 10ms"));
  child.Signal(SIGKILL);
  EXPECT_EQ(child.WaitForEnd(kLong), "was killed by signal 9");
}

TEST_F(ChildProcessTest, AMissingProgramIsNotFound) {
  EXPECT_EQ(ChildProcess::Start({.command = {folder_ + "/none"}, .log_file = log_}).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(ChildProcessTest, HasASessionOfItsOwnWhereItShall) {
  ChildProcess child =
      ChildProcess::Start({.command = {program_}, .log_file = log_, .own_session = true}).value();
  ASSERT_TRUE(child.WaitUntilReady(kLong).ok());
  EXPECT_EQ(getsid(child.pid()), child.pid());
  EXPECT_TRUE(EndProcesses({child.pid()}, kLong).ok());
  EXPECT_EQ(child.WaitForEnd(kLong), "exited with status 0");
}

TEST_F(ChildProcessTest, WhoDoesNotListenIsKilled) {
  Do("stubborn");
  ChildProcess child = ChildProcess::Start({.command = {program_}, .log_file = log_}).value();
  ASSERT_TRUE(child.WaitUntilReady(kLong).ok());
  EXPECT_TRUE(EndProcesses({child.pid()}, absl::Milliseconds(10)).ok());
  EXPECT_EQ(child.WaitForEnd(kLong), "was killed by signal 9");
}

}  // namespace
}  // namespace banyan::cli
