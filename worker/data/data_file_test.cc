#include "worker/data/data_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "common/base/bytes.h"
#include "worker/data/data_fixture.h"

namespace banyan::worker {
namespace {

using DataFileTest = DataTest;

std::string Content(const DataFile& file) {
  std::string content;
  EXPECT_TRUE(file.Visit([&](std::span<const std::byte> block) {
                    content += AsText(block);
                    return absl::OkStatus();
                  }).ok());
  return content;
}

TEST_F(DataFileTest, GivesItsContentInOrder) {
  std::string content;
  for (int i = 0; i < 300'000; ++i) content += std::to_string(i);  // more than one block
  Write("a.txt", content);
  const auto file = OpenFile("a.txt");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->name(), "data:a.txt");
  EXPECT_EQ(file->size_bytes(), content.size());
  EXPECT_EQ(Content(*file), content);
}

TEST_F(DataFileTest, FollowsLinksInsideItsRoot) {
  Write("a.txt", "content");
  ASSERT_EQ(symlink("a.txt", JoinPath(directory_, "link").c_str()), 0);
  const auto file = OpenFile("link");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(Content(*file), "content");
}

TEST_F(DataFileTest, ErrorsNameThePathOfTheJobAndTheRootsDirectory) {
  const std::string root = roots_.roots().at("data");
  const auto error = [&](const std::string& name) { return std::string(OpenFile(name).status().message()); };
  const auto named = [&](const std::string& name) {
    return "data file 'data:" + name + "' (root 'data' is " + root + "): ";
  };
  EXPECT_EQ(OpenFile("no.txt").status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(error("no.txt").starts_with(named("no.txt"))) << error("no.txt");
  EXPECT_NE(error("no.txt").find("No such file"), std::string::npos);
  Write("empty", "");
  EXPECT_EQ(error("empty"), named("empty") + "it is empty");
  ASSERT_TRUE(files_.CreateDirectory(JoinPath(directory_, "folder")).ok());
  EXPECT_EQ(error("folder"), named("folder") + "it is a directory, expected a file");
}

TEST_F(DataFileTest, APipeIsRefusedWithoutWaitingForIt) {
  ASSERT_EQ(mkfifo(JoinPath(directory_, "pipe").c_str(), 0600), 0);
  EXPECT_FALSE(OpenFile("pipe").ok());
}

TEST_F(DataFileTest, AFileThatMayNotBeReadIsAnError) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  ASSERT_EQ(chmod(Write("secret", "text").c_str(), 0), 0);
  EXPECT_EQ(OpenFile("secret").status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(DataFileTest, PathsOutsideTheRootsAreRefused) {
  EXPECT_FALSE(DataFile::Open(files_, roots_, "/etc/passwd").ok());
  EXPECT_FALSE(DataFile::Open(files_, roots_, "data:../a.txt").ok());
  EXPECT_FALSE(DataFile::Open(files_, roots_, "other:a.txt").ok());
}

TEST_F(DataFileTest, AFileThatShrinksMeanwhileIsAnError) {
  const std::string path = Write("a.txt", "long content");
  const auto file = OpenFile("a.txt");
  ASSERT_TRUE(file.ok());
  ASSERT_EQ(truncate(path.c_str(), 4), 0);
  const absl::Status status = file->Visit([](std::span<const std::byte>) { return absl::OkStatus(); });
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(status.message()), testing::StartsWith("data file 'data:a.txt': "));
}

}  // namespace
}  // namespace banyan::worker
