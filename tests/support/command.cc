#include "tests/support/command.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "common/base/check.h"
#include "gtest/gtest.h"

extern char** environ;

namespace banyan::testing {
namespace {

namespace fs = std::filesystem;

// Appends what `fd` has to `text`; false at its end.
bool Drain(int fd, std::string& text) {
  std::array<char, 4096> buffer;
  const ssize_t size = read(fd, buffer.data(), buffer.size());
  if (size < 0 && errno == EINTR) return true;
  if (size <= 0) return false;
  text.append(buffer.data(), static_cast<size_t>(size));
  return true;
}

}  // namespace

std::string CommandResult::LastLine() const {
  std::istringstream lines(out);
  std::string line;
  std::string last;
  while (std::getline(lines, line)) {
    if (!line.empty()) last = line;
  }
  return last;
}

CommandResult RunCommand(const std::vector<std::string>& argv) {
  std::array<int, 2> out;
  std::array<int, 2> err;
  CHECK_EQ(pipe2(out.data(), O_CLOEXEC), 0);
  CHECK_EQ(pipe2(err.data(), O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = 0;
  CHECK_EQ(posix_spawn(&pid, arguments[0], &actions, nullptr, arguments.data(), environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  close(out[1]);
  close(err[1]);

  CommandResult result;
  std::array<pollfd, 2> watched = {pollfd{.fd = out[0], .events = POLLIN, .revents = 0},
                                   pollfd{.fd = err[0], .events = POLLIN, .revents = 0}};
  while (watched[0].fd >= 0 || watched[1].fd >= 0) {
    if (poll(watched.data(), watched.size(), -1) < 0) continue;
    if (watched[0].revents != 0 && !Drain(out[0], result.out)) watched[0].fd = -1;
    if (watched[1].revents != 0 && !Drain(err[0], result.err)) watched[1].fd = -1;
  }
  close(out[0]);
  close(err[0]);
  int status = 0;
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
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
