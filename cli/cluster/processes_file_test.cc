#include "cli/cluster/processes_file.h"

#include <unistd.h>

#include "common/file/file_util.h"
#include "common/file/posix_file_system.h"
#include "gtest/gtest.h"

namespace banyan::cli {
namespace {

class ProcessesFileTest : public testing::Test {
 protected:
  ProcessesFileTest() { EXPECT_TRUE(CreateDirectories(files_, directory_).ok()); }

  const std::string directory_ =
      testing::TempDir() + "/processes-" + testing::UnitTest::GetInstance()->current_test_info()->name();
  PosixFileSystem files_;
};

TEST_F(ProcessesFileTest, ReadsWhatWasWritten) {
  const std::vector<LocalProcess> written = {{"coordinator", 0, 12, "127.0.0.1:1", "127.0.0.1:2"},
                                             {"worker", 3, 13, "", ""}};
  ASSERT_TRUE(WriteProcesses(files_, directory_, written).ok());
  EXPECT_EQ(ReadProcesses(files_, directory_).value(), written);
}

TEST_F(ProcessesFileTest, RefusesDamage) {
  EXPECT_EQ(ReadProcesses(files_, directory_).status().code(), absl::StatusCode::kNotFound);
  for (const char* text : {"", "{}", "[1]", R"([{"role": "server"}])",
                           R"([{"role": "server", "index": 0, "pid": -1, "endpoint": "", "metrics": ""}])",
                           R"([{"role": "server", "index": 0, "pid": 1, "endpoint": "", "metrics": ""}])"}) {
    ASSERT_TRUE(WriteFileAtomically(files_, directory_ + "/processes.json", text).ok());
    EXPECT_EQ(ReadProcesses(files_, directory_).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST_F(ProcessesFileTest, AnotherProcessWithTheNumberIsNotIt) {
  EXPECT_FALSE(IsAlive({.role = "worker", .pid = getpid()}, directory_));
}

TEST_F(ProcessesFileTest, NamesProcesses) {
  EXPECT_EQ((LocalProcess{.role = "coordinator"}).Name(), "coordinator");
  EXPECT_EQ((LocalProcess{.role = "worker", .index = 2}).Name(), "worker-2");
}

}  // namespace
}  // namespace banyan::cli
