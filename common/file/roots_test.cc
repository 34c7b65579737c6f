#include "common/file/roots.h"

#include <unistd.h>

#include <string>

#include "common/file/file_util.h"
#include "common/file/posix_file_system.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace banyan {
namespace {

using ::testing::HasSubstr;

class RootsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = JoinPath(testing::TempDir(), "roots_XXXXXX");
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = files_.RealPath(pattern).value();
    ASSERT_TRUE(CreateDirectories(files_, dir_ + "/data/in").ok());
    ASSERT_TRUE(CreateDirectories(files_, dir_ + "/data-other").ok());
    roots_ = Roots::Parse(files_, {"data=" + dir_ + "/data", "out=" + dir_ + "/data-other"}).value();
  }
  void TearDown() override { EXPECT_TRUE(RemoveTree(files_, dir_).ok()); }

  std::string ErrorOf(const std::string& path) {
    return std::string(roots_.Resolve(files_, path).status().message());
  }

  PosixFileSystem files_;
  std::string dir_;
  Roots roots_;
};

TEST_F(RootsTest, ResolvesBelowTheRoot) {
  EXPECT_EQ(roots_.Resolve(files_, "data:kjv.txt").value(), dir_ + "/data/kjv.txt");
  EXPECT_EQ(roots_.Resolve(files_, "data:in/new/deep").value(), dir_ + "/data/in/new/deep");
  EXPECT_EQ(roots_.Resolve(files_, "out:").value(), dir_ + "/data-other");
}

TEST_F(RootsTest, RefusesWhatCouldLeaveIt) {
  EXPECT_THAT(ErrorOf("data:../data-other/x"), HasSubstr("has '..'"));
  EXPECT_THAT(ErrorOf("data:in/.."), HasSubstr("has '..'"));
  EXPECT_THAT(ErrorOf("data:/etc/passwd"), HasSubstr("is absolute"));
  EXPECT_THAT(ErrorOf("/etc/passwd"), HasSubstr("not of the form root:relative"));
  EXPECT_EQ(ErrorOf("home:x"), "path 'home:x' names the unknown root 'home'; known: data, out");
}

TEST_F(RootsTest, RefusesSymbolicLinksThatLeave) {
  ASSERT_EQ(::symlink((dir_ + "/data-other").c_str(), (dir_ + "/data/link").c_str()), 0);
  ASSERT_EQ(::symlink((dir_ + "/nothing").c_str(), (dir_ + "/data/dangling").c_str()), 0);
  ASSERT_EQ(::symlink("in", (dir_ + "/data/inner").c_str()), 0);
  EXPECT_THAT(ErrorOf("data:link"), HasSubstr("leaves root 'data'"));
  EXPECT_THAT(ErrorOf("data:link/file"), HasSubstr("leaves root 'data'"));
  EXPECT_THAT(ErrorOf("data:dangling/x"), HasSubstr("symbolic link to nothing"));
  EXPECT_TRUE(roots_.Resolve(files_, "data:inner/file").ok());
}

TEST_F(RootsTest, RefusesBadFlags) {
  EXPECT_FALSE(Roots::Parse(files_, {"data"}).ok());
  EXPECT_FALSE(Roots::Parse(files_, {"Data=/"}).ok());
  EXPECT_FALSE(Roots::Parse(files_, {"data=/", "data=/"}).ok());
  EXPECT_FALSE(Roots::Parse(files_, {"data=" + dir_ + "/none"}).ok());
}

}  // namespace
}  // namespace banyan
