#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/architecture/source_rules.h"

// The rules of source_rules.h on every file of the source tree.
namespace banyan::architecture {
namespace {

namespace fs = std::filesystem;

using File = std::pair<std::string, std::string>;  // path from the root, text

constexpr const char* kFolders[] = {"bazel",  "cli",  "common", "configs", "coordinator", "deploy",
                                    "docs",   "proto", "server", "tests",   "worker"};
constexpr const char* kEndings[] = {".h",  ".cc", ".inc",  ".cu",  ".proto", ".py", ".sh",
                                    ".md", ".bzl", ".yaml", ".yml", ".html",  ".js", ".css"};

// Where the real BUILD file lies that this test has among its runfiles.
fs::path Root() { return fs::canonical("tests/architecture/BUILD").parent_path().parent_path().parent_path(); }

bool IsSource(const fs::path& path) {
  if (path.extension().empty()) return true;  // BUILD files and scripts
  for (const char* ending : kEndings) {
    if (path.extension() == ending) return true;
  }
  return false;
}

std::string Read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

const std::vector<File>& SourceTree() {
  static const std::vector<File> files = [] {
    std::vector<File> found;
    const fs::path root = Root();
    for (const fs::directory_entry& entry : fs::directory_iterator(root)) {
      if (entry.is_regular_file() && IsSource(entry.path())) {
        found.emplace_back(entry.path().filename().string(), Read(entry.path()));
      }
    }
    for (const char* folder : kFolders) {
      if (!fs::exists(root / folder)) continue;
      for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / folder)) {
        if (!entry.is_regular_file() || !IsSource(entry.path())) continue;
        found.emplace_back(entry.path().lexically_relative(root).string(), Read(entry.path()));
      }
    }
    return found;
  }();
  return files;
}

std::string Listed(const std::vector<Finding>& findings) {
  std::string listed;
  for (const Finding& finding : findings) listed += ToString(finding) + "\n";
  return listed;
}

TEST(SourceTreeTest, IsFound) {
  EXPECT_TRUE(fs::exists(Root() / "WORKSPACE")) << Root();
  EXPECT_GT(SourceTree().size(), 300u);
}

TEST(SourceTreeTest, KeepsTheRules) {
  std::vector<Finding> broken;
  for (const auto& [path, text] : SourceTree()) {
    for (Finding& finding : CheckSource(path, text)) broken.push_back(std::move(finding));
  }
  EXPECT_TRUE(broken.empty()) << Listed(broken);
}

TEST(SourceTreeTest, LinksOfDocumentsLeadSomewhere) {
  std::vector<Finding> dead;
  for (const auto& [path, text] : SourceTree()) {
    if (!path.ends_with(".md")) continue;
    for (const Finding& link : RelativeLinks(path, text)) {
      if (!fs::exists(Root() / fs::path(path).parent_path() / link.text)) dead.push_back(link);
    }
  }
  EXPECT_TRUE(dead.empty()) << Listed(dead);
}

// Never fails: the limits are what to aim at.
TEST(SourceTreeTest, AdvisesOnSizesAndFolders) {
  std::vector<Finding> advice = FindMutualFolders(SourceTree());
  for (const auto& [path, text] : SourceTree()) {
    for (Finding& finding : CheckSizes(path, text)) advice.push_back(std::move(finding));
  }
  if (!advice.empty()) std::cout << advice.size() << " pieces of advice:\n" << Listed(advice);
}

}  // namespace
}  // namespace banyan::architecture
