#include "cli/cluster/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

// Debian 12's glibc declares its functions without a word on C++.
extern "C" {
#include <sys/pidfd.h>
}

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace banyan::cli {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr size_t kMaxReadyLine = 4096;
constexpr size_t kShownLog = 2000;

// Until the descriptor can be read; false when `deadline` has passed.
bool WaitReadable(int fd, SteadyClock::time_point deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - SteadyClock::now()).count();
    pollfd watched{.fd = fd, .events = POLLIN, .revents = 0};
    const int ready = poll(&watched, 1, static_cast<int>(std::clamp<int64_t>(left, 0, 1 << 30)));
    if (ready > 0) return true;
    if (ready == 0 && left <= 0) return false;
    if (ready < 0 && errno != EINTR) return false;
  }
}

// posix_spawn's lists, freed.
struct SpawnSettings {
  SpawnSettings() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

void SetAttributes(bool own_session, posix_spawnattr_t* attributes) {
  // The child starts with the signals that we may have blocked or ignored.
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(attributes, &none);
  posix_spawnattr_setsigdefault(attributes, &all);
  posix_spawnattr_setpgroup(attributes, 0);
  posix_spawnattr_setflags(attributes, static_cast<int16_t>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                            (own_session ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP)));
}

std::string LogTail(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return "";
  const std::streamoff size = file.tellg();
  const std::streamoff begin = std::max<std::streamoff>(0, size - static_cast<std::streamoff>(kShownLog));
  file.seekg(begin);
  std::string tail(static_cast<size_t>(size - begin), '\0');
  file.read(tail.data(), static_cast<std::streamsize>(tail.size()));
  return tail;
}

}  // namespace

void Descriptor::reset(int fd) {
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
}

absl::StatusOr<Pipe> MakePipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "make a pipe");
  return Pipe{.read = Descriptor(ends[0]), .write = Descriptor(ends[1])};
}

absl::StatusOr<ChildProcess> ChildProcess::Start(const Options& options) {
  const std::string& program = options.command.front();
  ASSIGN_OR_RETURN(Pipe output, MakePipe());
  SpawnSettings settings;
  posix_spawn_file_actions_addopen(&settings.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&settings.actions, output.write.get(), STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&settings.actions, STDERR_FILENO, options.log_file.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0600);
  // dup2 onto itself would leave it close-on-exec; glibc's spawn clears the flag then.
  if (options.parent_pipe >= 0) {
    posix_spawn_file_actions_adddup2(&settings.actions, options.parent_pipe, kParentPipe);
  }
  posix_spawn_file_actions_addclosefrom_np(&settings.actions, kParentPipe + (options.parent_pipe >= 0 ? 1 : 0));
  SetAttributes(options.own_session, &settings.attributes);

  std::vector<char*> arguments;
  for (const std::string& argument : options.command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  ChildProcess child;
  const int error =
      posix_spawn(&child.pid_, program.c_str(), &settings.actions, &settings.attributes, arguments.data(), environ);
  if (error != 0) return ErrnoStatus(error, absl::StrCat("start '", program, "'"));
  child.name_ = program;
  child.log_file_ = options.log_file;
  child.output_ = std::move(output.read);
  child.descriptor_ = Descriptor(pidfd_open(child.pid_, 0));
  if (child.descriptor_.get() < 0) return ErrnoStatus(errno, absl::StrCat("watch '", program, "'"));
  return child;
}

absl::StatusOr<ReadyLine> ChildProcess::WaitUntilReady(absl::Duration timeout) {
  const auto deadline = SteadyClock::now() + absl::ToChronoMilliseconds(timeout);
  std::string text;
  while (text.find('\n') == std::string::npos) {
    if (!WaitReadable(output_.get(), deadline)) {
      return NotReady(absl::StrCat("was not ready after ", absl::FormatDuration(timeout)));
    }
    std::array<char, 512> buffer;
    const ssize_t size = read(output_.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) {
      // Its output ends with the process, or a little before.
      return NotReady(WaitForEnd(absl::Seconds(5)).value_or("closed its output") + " before it was ready");
    }
    text.append(buffer.data(), static_cast<size_t>(size));
    if (text.size() > kMaxReadyLine) return NotReady("printed something else than a ready line");
  }
  const absl::StatusOr<ReadyLine> line = ParseReadyLine(std::string_view(text).substr(0, text.find('\n')));
  if (!line.ok()) return NotReady(std::string(line.status().message()));
  return line;
}

absl::Status ChildProcess::NotReady(const std::string& why) const {
  const std::string log = LogTail(log_file_);
  return absl::UnavailableError(absl::StrCat("'", name_, "' ", why,
                                             log.empty() ? "" : absl::StrCat("; its log, '", log_file_, "', ends:\n", log)));
}

std::optional<std::string> ChildProcess::WaitForEnd(absl::Duration timeout) {
  const auto deadline = SteadyClock::now() + absl::ToChronoMilliseconds(timeout);
  if (!WaitReadable(descriptor_.get(), deadline)) return std::nullopt;
  int status = 0;
  pid_t ended;
  do {
    ended = waitpid(pid_, &status, 0);
  } while (ended < 0 && errno == EINTR);
  reaped_ = true;
  if (ended == pid_ && WIFSIGNALED(status)) return absl::StrCat("was killed by signal ", WTERMSIG(status));
  return absl::StrCat("exited with status ", ended == pid_ ? WEXITSTATUS(status) : -1);
}

void ChildProcess::Signal(int signal) const {
  if (!reaped_) kill(pid_, signal);
}

void ChildProcess::SignalGroup(int signal) const {
  if (!reaped_) kill(-pid_, signal);
}

absl::Status EndProcesses(const std::vector<pid_t>& pids, absl::Duration grace) {
  std::vector<Descriptor> alive;
  for (const pid_t pid : pids) {
    Descriptor process(pidfd_open(pid, 0));
    if (process.get() < 0 && errno == ESRCH) continue;
    if (process.get() < 0) return ErrnoStatus(errno, absl::StrCat("watch process ", pid));
    if (pidfd_send_signal(process.get(), SIGTERM, nullptr, 0) != 0 && errno != ESRCH) {
      return ErrnoStatus(errno, absl::StrCat("end process ", pid));
    }
    // One that stands still hears nothing.
    pidfd_send_signal(process.get(), SIGCONT, nullptr, 0);
    alive.push_back(std::move(process));
  }
  const auto deadline = SteadyClock::now() + absl::ToChronoMilliseconds(grace);
  for (const Descriptor& process : alive) {
    if (WaitReadable(process.get(), deadline)) continue;
    pidfd_send_signal(process.get(), SIGKILL, nullptr, 0);
    if (!WaitReadable(process.get(), SteadyClock::now() + std::chrono::seconds(5))) {
      return absl::DeadlineExceededError("a process does not end, not even when killed");
    }
  }
  return absl::OkStatus();
}

}  // namespace banyan::cli
