#include "common/file/posix_file_system.h"

#include <unistd.h>

#include <string>

#include "common/base/bytes.h"
#include "common/file/file_util.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace banyan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PosixFileSystemTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = JoinPath(testing::TempDir(), "posix_XXXXXX");
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override { EXPECT_TRUE(RemoveTree(files_, dir_).ok()); }

  std::string In(const std::string& name) const { return JoinPath(dir_, name); }

  PosixFileSystem files_;
  std::string dir_;
};

TEST_F(PosixFileSystemTest, WritesAndReadsAtOffsets) {
  const auto file = files_.Open(In("a"), OpenMode::kCreateNew);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->Preallocate(10).ok());
  ASSERT_TRUE((*file)->WriteAt(6, AsBytes("6789")).ok());
  ASSERT_TRUE((*file)->WriteAt(0, AsBytes("012345")).ok());
  ASSERT_TRUE((*file)->Sync().ok());
  ASSERT_TRUE((*file)->Preallocate(4).ok());
  EXPECT_EQ((*file)->Size().value(), 10);
  EXPECT_EQ(ReadFile(files_, In("a"), 100).value(), "0123456789");
  ASSERT_TRUE((*file)->Truncate(3).ok());
  EXPECT_EQ(ReadFile(files_, In("a"), 100).value(), "012");
}

TEST_F(PosixFileSystemTest, ErrorsNameOperationPathAndReason) {
  const absl::Status missing = files_.Open(In("none"), OpenMode::kRead).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(missing.message(), "open '" + In("none") + "': No such file or directory");
  ASSERT_TRUE(WriteFileAtomically(files_, In("a"), "abc").ok());
  EXPECT_TRUE(absl::IsAlreadyExists(files_.Open(In("a"), OpenMode::kCreateNew).status()));
  EXPECT_FALSE(files_.Open(dir_, OpenMode::kRead).ok());
  char buffer[4];
  const absl::Status early = files_.Open(In("a"), OpenMode::kRead).value()->ReadAt(
      0, std::as_writable_bytes(std::span(buffer)));
  EXPECT_TRUE(absl::IsOutOfRange(early));
  EXPECT_THAT(std::string(early.message()), HasSubstr("the file ends at byte 3, 1 bytes too early"));
  EXPECT_TRUE(absl::IsOutOfRange(ReadFile(files_, In("a"), 2).status()));
}

TEST_F(PosixFileSystemTest, AtomicWriteReplacesAndLeavesNothingElse) {
  ASSERT_TRUE(WriteFileAtomically(files_, In("a"), "old").ok());
  ASSERT_TRUE(WriteFileAtomically(files_, In("a"), "new").ok());
  EXPECT_EQ(ReadFile(files_, In("a"), 100).value(), "new");
  EXPECT_THAT(files_.List(dir_).value(), ElementsAre("a"));
}

TEST_F(PosixFileSystemTest, TreesAreCreatedListedAndRemoved) {
  ASSERT_TRUE(CreateDirectories(files_, In("x/y/z")).ok());
  ASSERT_TRUE(CreateDirectories(files_, In("x/y/z")).ok());
  ASSERT_TRUE(WriteFileAtomically(files_, In("x/file"), "1").ok());
  EXPECT_THAT(files_.List(In("x")).value(), ElementsAre("file", "y"));
  EXPECT_FALSE(CreateDirectories(files_, In("x/file/q")).ok());
  ASSERT_TRUE(RemoveTree(files_, In("x")).ok());
  EXPECT_FALSE(Exists(files_, In("x")).value());
  EXPECT_TRUE(RemoveTree(files_, In("x")).ok());
}

TEST_F(PosixFileSystemTest, RemoveTreeDoesNotFollowLinks) {
  ASSERT_TRUE(CreateDirectories(files_, In("kept")).ok());
  ASSERT_TRUE(WriteFileAtomically(files_, In("kept/file"), "1").ok());
  ASSERT_TRUE(CreateDirectories(files_, In("gone")).ok());
  ASSERT_EQ(::symlink(In("kept").c_str(), In("gone/link").c_str()), 0);
  ASSERT_TRUE(RemoveTree(files_, In("gone")).ok());
  EXPECT_TRUE(Exists(files_, In("kept/file")).value());
}

TEST_F(PosixFileSystemTest, LockExcludesUntilReleased) {
  auto held = files_.Lock(In("lock"));
  ASSERT_TRUE(held.ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(files_.Lock(In("lock")).status()));
  held->reset();
  EXPECT_TRUE(files_.Lock(In("lock")).ok());
}

}  // namespace
}  // namespace banyan
