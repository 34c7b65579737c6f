#include "tests/support/command.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "common/base/check.h"
#include "gtest/gtest.h"

namespace banyan::testing {
namespace {

namespace fs = std::filesystem;

}  // namespace

CommandResult RunCommand(const std::vector<std::string>& argv, const std::vector<std::string>& environment) {
  return Process(argv, {.environment = environment}).Wait();
}

std::string MakeFolder(const std::string& name) {
  const std::string path = ::testing::TempDir() + name;
  fs::remove_all(path);
  fs::create_directories(path);
  return path;
}

void WriteFile(const std::string& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary);
  file << content;
  file.close();
  CHECK(file.good());
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  CHECK(file.good());
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

std::string BanyanProgram() {
  // Tests run in the root of their runfiles.
  const fs::path root = fs::current_path();
  const fs::path bin = ::testing::TempDir() + "bin";
  fs::create_directories(bin);
  const std::pair<const char*, const char*> programs[] = {{"cli", "banyan"},
                                                          {"coordinator", "banyan-coordinator"},
                                                          {"server", "banyan-server"},
                                                          {"worker", "banyan-worker"}};
  for (const auto& [folder, name] : programs) {
    if (!fs::exists(bin / name)) fs::create_symlink(fs::canonical(root / folder / name), bin / name);
  }
  return bin / "banyan";
}

}  // namespace banyan::testing
