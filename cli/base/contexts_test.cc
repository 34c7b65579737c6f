#include "cli/base/contexts.h"

#include "common/file/file_util.h"
#include "common/file/posix_file_system.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace banyan::cli {
namespace {

class ContextsTest : public testing::Test {
 protected:
  const std::string directory_ =
      testing::TempDir() + "/contexts-" + testing::UnitTest::GetInstance()->current_test_info()->name();
  PosixFileSystem files_;
};

TEST_F(ContextsTest, NoFileMeansNone) {
  const Contexts contexts = ReadContexts(files_, directory_).value();
  EXPECT_TRUE(contexts.known.empty());
  EXPECT_EQ(contexts.Find("").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ContextsTest, ReadsWhatWasWritten) {
  const Contexts written{.current = "local", .known = {{"local", {"127.0.0.1:1", "/t", "/s"}}, {"b", {"h:2", "/u"}}}};
  ASSERT_TRUE(WriteContexts(files_, directory_, written).ok());
  const Contexts read = ReadContexts(files_, directory_).value();
  EXPECT_EQ(read.current, "local");
  EXPECT_EQ(read.known, written.known);
  EXPECT_EQ(read.Find("")->coordinator, "127.0.0.1:1");
  EXPECT_EQ(read.Find("b")->token_file, "/u");
}

TEST_F(ContextsTest, AnUnknownNameListsTheKnown) {
  const Contexts contexts{.current = "", .known = {{"local", {}}, {"lab", {}}}};
  EXPECT_EQ(contexts.Find("labb").status().message(), "no context 'labb', expected lab or local");
}

TEST_F(ContextsTest, ADamagedFileIsRefused) {
  ASSERT_TRUE(CreateDirectories(files_, directory_).ok());
  for (const char* text : {"", "{", "[]", "{\"contexts\": 3}"}) {
    ASSERT_TRUE(WriteFileAtomically(files_, directory_ + "/contexts.json", text).ok());
    EXPECT_EQ(ReadContexts(files_, directory_).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace banyan::cli
