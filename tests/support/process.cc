#include "tests/support/process.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <sstream>

#include "common/base/check.h"

extern char** environ;

namespace banyan::testing {
namespace {

// Pipe or terminal: {what we read, what the program writes to}.
std::array<int, 2> MakeEnds(uint16_t columns) {
  std::array<int, 2> ends;
  if (columns == 0) {
    CHECK_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    return ends;
  }
  const winsize size = {.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
  CHECK_EQ(openpty(&ends[0], &ends[1], nullptr, nullptr, &size), 0);
  for (const int fd : ends) CHECK_EQ(fcntl(fd, F_SETFD, FD_CLOEXEC), 0);
  return ends;
}

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// Those of `given` come first, and so win.
std::vector<std::string> EnvironmentWith(std::vector<std::string> given) {
  for (char** variable = environ; *variable != nullptr; ++variable) given.emplace_back(*variable);
  return given;
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

Process::Process(const std::vector<std::string>& argv, const Options& options) {
  const std::array<int, 2> out = MakeEnds(0);
  const std::array<int, 2> err = MakeEnds(options.columns);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
  if (!options.err_file.empty()) {
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, options.err_file.c_str(), O_WRONLY | O_APPEND, 0);
  }
  const std::vector<std::string> environment = EnvironmentWith(options.environment);
  CHECK_EQ(posix_spawn(&pid_, argv[0].c_str(), &actions, nullptr, Pointers(argv).data(), Pointers(environment).data()),
           0);
  posix_spawn_file_actions_destroy(&actions);
  close(out[1]);
  close(err[1]);
  out_end_ = out[0];
  err_end_ = err[0];
  reader_ = std::jthread([this](const std::stop_token& stop) { ReadAll(stop); });
}

Process::~Process() {
  Signal(SIGKILL);
  if (!reaped_) waitpid(pid_, nullptr, 0);
  // What it left behind may hold its output open: the reader is not to wait for that.
  reader_.request_stop();
  reader_.join();
  close(out_end_);
  close(err_end_);
}

void Process::Signal(int signal) const {
  if (!reaped_) kill(pid_, signal);
}

void Process::Resize(uint16_t columns) const {
  const winsize size = {.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
  CHECK_EQ(ioctl(err_end_, TIOCSWINSZ, &size), 0);
}

std::string Process::out() {
  MutexLock lock(mutex_);
  return out_;
}

std::string Process::err() {
  MutexLock lock(mutex_);
  return err_;
}

bool Process::Await(const std::string& printed, const std::string& text) {
  MutexLock lock(mutex_);
  while (printed.find(text) == std::string::npos && !ended_) changed_.Wait(mutex_);
  return printed.find(text) != std::string::npos;
}

void Process::ReadAll(const std::stop_token& stop) {
  std::array<pollfd, 2> watched = {pollfd{.fd = out_end_, .events = POLLIN, .revents = 0},
                                   pollfd{.fd = err_end_, .events = POLLIN, .revents = 0}};
  while ((watched[0].fd >= 0 || watched[1].fd >= 0) && !stop.stop_requested()) {
    if (poll(watched.data(), watched.size(), 50) <= 0) continue;
    for (size_t i = 0; i < watched.size(); ++i) {
      if (watched[i].fd < 0 || watched[i].revents == 0) continue;
      std::array<char, 4096> buffer;
      const ssize_t size = read(watched[i].fd, buffer.data(), buffer.size());
      if (size < 0 && errno == EINTR) continue;
      MutexLock lock(mutex_);
      if (size > 0) {
        (i == 0 ? out_ : err_).append(buffer.data(), static_cast<size_t>(size));
      } else {
        watched[i].fd = -1;  // a terminal says EIO
      }
      changed_.SignalAll();
    }
  }
  MutexLock lock(mutex_);
  ended_ = true;
  changed_.SignalAll();
}

CommandResult Process::Wait() {
  CommandResult result;
  {
    MutexLock lock(mutex_);
    while (!ended_) changed_.Wait(mutex_);
    result.out = out_;
    result.err = err_;
  }
  int status = 0;
  CHECK_EQ(waitpid(pid_, &status, 0), pid_);
  reaped_ = true;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace banyan::testing
