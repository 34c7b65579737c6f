#include "worker/service/supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/logging/logging.h"

namespace banyan::worker {
namespace {

constexpr absl::Duration kPoll = absl::Milliseconds(50);
constexpr absl::Duration kFirstBackoff = absl::Milliseconds(200);
constexpr absl::Duration kLastBackoff = absl::Seconds(10);
// A child that lived this long did not fail at once.
constexpr absl::Duration kHealthy = absl::Seconds(10);

std::string DescribeEnd(int status) {
  if (WIFSIGNALED(status)) return absl::StrCat("killed by signal ", WTERMSIG(status));
  return absl::StrCat("exit status ", WEXITSTATUS(status));
}

}  // namespace

Supervisor::Supervisor(Options options, ShutdownWatch* watch, const Clock* clock)
    : options_(std::move(options)), watch_(watch), clock_(clock) {}

absl::StatusOr<int> Supervisor::Spawn(int* pipe_end) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe");
  std::vector<std::string> words = {options_.program};
  words.insert(words.end(), options_.arguments.begin(), options_.arguments.end());
  words.push_back(absl::StrCat("--parent-pipe=", ends[0]));
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) {
    const int error = errno;
    close(ends[0]);
    close(ends[1]);
    return ErrnoStatus(error, "fork");
  }
  if (pid == 0) {
    // Only calls that are safe after fork in a process with threads.
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(1);  // it died before we could ask
    fcntl(ends[0], F_SETFD, 0);
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  close(ends[0]);
  *pipe_end = ends[1];
  return pid;
}

void Supervisor::EndChild(int pid) {
  kill(pid, SIGTERM);
  const absl::Duration deadline = clock_->Monotonic() + options_.drain;
  Mutex mutex;
  CondVar never;
  while (clock_->Monotonic() < deadline) {
    if (waitpid(pid, nullptr, WNOHANG) == pid) return;
    MutexLock lock(mutex);
    never.WaitFor(mutex, kPoll);
  }
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
}

absl::Status Supervisor::Run() {
  absl::Duration backoff = kFirstBackoff;
  while (true) {
    int pipe_end = -1;
    ASSIGN_OR_RETURN(const int pid, Spawn(&pipe_end));
    const absl::Duration start = clock_->Monotonic();
    int status = 0;
    bool asked = false;
    while (waitpid(pid, &status, WNOHANG) == 0) {
      if (!watch_->WaitFor(kPoll)) continue;
      asked = true;
      EndChild(pid);
      break;
    }
    close(pipe_end);
    if (asked) return absl::OkStatus();
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2) {
      return absl::InvalidArgumentError("the child refused its flags");
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == kLeave) return absl::OkStatus();
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
      backoff = kFirstBackoff;
      continue;
    }
    if (clock_->Monotonic() - start > kHealthy) backoff = kFirstBackoff;
    log::Error("child {}: {}; the next one starts in {} ms", pid, DescribeEnd(status),
               absl::ToInt64Milliseconds(backoff));
    if (watch_->WaitFor(backoff)) return absl::OkStatus();
    backoff = std::min(backoff * 2, kLastBackoff);
  }
}

}  // namespace banyan::worker
