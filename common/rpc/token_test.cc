#include "common/rpc/token.h"

#include <sys/stat.h>

#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace banyan {
namespace {

class TokenTest : public testing::Test {
 protected:
  const std::string path_ =
      testing::TempDir() + "token-" + testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(TokenTest, IsMadeOnceAndPrivate) {
  const absl::StatusOr<std::string> made = ReadOrCreateToken(path_);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->size(), 64);
  EXPECT_EQ(ReadOrCreateToken(path_).value(), *made);
  EXPECT_EQ(ReadToken(path_).value(), *made);
  struct stat info;
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600);
}

TEST_F(TokenTest, ANewlineAtTheEndIsNoPartOfIt) {
  const std::string token(64, 'a');
  std::ofstream(path_) << token << "\n";
  ASSERT_EQ(chmod(path_.c_str(), 0600), 0);
  EXPECT_EQ(ReadToken(path_).value(), token);
}

TEST_F(TokenTest, RefusesAFileThatOthersCanRead) {
  ASSERT_TRUE(ReadOrCreateToken(path_).ok());
  ASSERT_EQ(chmod(path_.c_str(), 0644), 0);
  EXPECT_EQ(ReadToken(path_).status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(TokenTest, RefusesOtherContentAndNoFile) {
  EXPECT_EQ(ReadToken(path_).status().code(), absl::StatusCode::kNotFound);
  std::ofstream(path_) << "not a token";
  ASSERT_EQ(chmod(path_.c_str(), 0600), 0);
  EXPECT_EQ(ReadToken(path_).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace banyan
