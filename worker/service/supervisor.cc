#include "worker/service/supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/logging/logging.h"

extern char** environ;

namespace banyan::worker {

absl::StatusOr<pid_t> Supervisor::Spawn(int pipe) {
  std::vector<std::string> arguments = {options_.program};
  arguments.insert(arguments.end(), options_.arguments.begin(), options_.arguments.end());
  arguments.push_back(absl::StrCat("--parent-pipe=", pipe));
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  pid_t pid = -1;
  const int error = posix_spawn(&pid, options_.program.c_str(), nullptr, nullptr, pointers.data(), environ);
  if (error != 0) return ErrnoStatus(error, absl::StrCat("cannot start '", options_.program, "'"));
  return pid;
}

// Signalled only while it is not reaped: its number cannot have become another's.
int Supervisor::Wait(pid_t pid) {
  siginfo_t info = {};
  while (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) != 0) CHECK_EQ(errno, EINTR);
  MutexLock lock(mutex_);
  child_ = -1;
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) CHECK_EQ(errno, EINTR);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void Supervisor::Signal() {
  MutexLock lock(mutex_);
  draining_ = true;
  if (child_ <= 0) return;
  kill(child_, SIGTERM);
  kill(child_, SIGCONT);  // one that stands still hears nothing
}

void Supervisor::LeaveNow() { Signal(); }

int Supervisor::Run(ShutdownWatch& watch) {
  std::jthread drain([&] {
    watch.Wait();
    Signal();
  });
  absl::Duration pause = options_.first_pause;
  int code = 0;
  while (true) {
    std::array<int, 2> ends = {};
    CHECK_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    CHECK_EQ(fcntl(ends[0], F_SETFD, 0), 0);  // the child's
    const absl::Duration begin = clock_.Monotonic();
    absl::StatusOr<pid_t> pid = -1;
    {
      MutexLock lock(mutex_);
      if (!draining_) {
        pid = Spawn(ends[0]);
        if (pid.ok()) child_ = *pid;
      }
    }
    close(ends[0]);
    code = !pid.ok() ? 1 : *pid > 0 ? Wait(*pid) : code;
    close(ends[1]);
    if (!pid.ok()) log::Error("{}", std::string(pid.status().message()));
    if (watch.WaitFor(absl::ZeroDuration())) return code;
    if (code == 0) {
      pause = options_.first_pause;
      continue;
    }
    if (clock_.Monotonic() - begin >= options_.settled) pause = options_.first_pause;
    log::Warning("the worker process ended with code {}; the next begins in {}", code, absl::FormatDuration(pause));
    if (watch.WaitFor(pause)) return code;
    pause = std::min(pause * 2, options_.last_pause);
  }
}

}  // namespace banyan::worker
