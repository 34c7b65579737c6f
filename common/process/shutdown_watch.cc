#include "common/process/shutdown_watch.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "common/base/check.h"

namespace banyan {
namespace {

constexpr int kTerminatedBySignal = 128 + SIGTERM;

int BlockAndOpenSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, nullptr), 0);
  const int fd = signalfd(-1, &set, SFD_CLOEXEC);
  CHECK_GE(fd, 0);
  return fd;
}

int OpenEvent() {
  const int fd = eventfd(0, EFD_CLOEXEC);
  CHECK_GE(fd, 0);
  return fd;
}

}  // namespace

ShutdownWatch::ShutdownWatch(Options options)
    : options_(std::move(options)), signals_(BlockAndOpenSignals()), stop_(OpenEvent()), thread_([this] { Watch(); }) {
  // The kernel wakes this process when its parent ends: one that stands still does not see the pipe close.
  if (options_.parent_pipe >= 0) prctl(PR_SET_PDEATHSIG, SIGCONT);
}

ShutdownWatch::~ShutdownWatch() {
  const uint64_t one = 1;
  CHECK_EQ(write(stop_, &one, sizeof(one)), static_cast<ssize_t>(sizeof(one)));
  thread_.join();
  close(signals_);
  close(stop_);
  if (options_.parent_pipe >= 0) close(options_.parent_pipe);
}

void ShutdownWatch::Wait() {
  MutexLock lock(mutex_);
  while (reason_.empty()) changed_.Wait(mutex_);
}

bool ShutdownWatch::WaitFor(absl::Duration timeout) {
  MutexLock lock(mutex_);
  if (reason_.empty()) changed_.WaitFor(mutex_, timeout);
  return !reason_.empty();
}

void ShutdownWatch::Request(const std::string& reason) {
  MutexLock lock(mutex_);
  if (!reason_.empty()) return;
  reason_ = reason;
  changed_.SignalAll();
}

std::string ShutdownWatch::reason() const {
  MutexLock lock(mutex_);
  return reason_;
}

void ShutdownWatch::Watch() {
  bool signalled = false;
  std::array<pollfd, 3> watched = {pollfd{.fd = signals_, .events = POLLIN, .revents = 0},
                                   pollfd{.fd = stop_, .events = POLLIN, .revents = 0},
                                   pollfd{.fd = options_.parent_pipe, .events = POLLIN, .revents = 0}};
  while (true) {
    if (poll(watched.data(), watched.size(), -1) < 0) {
      CHECK_EQ(errno, EINTR);
      continue;
    }
    if (watched[1].revents != 0) return;
    if (watched[0].revents != 0) {
      signalfd_siginfo info;
      CHECK_EQ(read(signals_, &info, sizeof(info)), static_cast<ssize_t>(sizeof(info)));
      if (std::exchange(signalled, true)) {
        if (options_.leave_now) {
          options_.leave_now();
        } else {
          _exit(kTerminatedBySignal);
        }
      }
      Request(info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM");
    }
    if (watched[2].revents != 0) {
      std::array<char, 64> ignored;
      if (read(options_.parent_pipe, ignored.data(), ignored.size()) <= 0) {
        Request("the parent process is gone");
        watched[2].fd = -1;  // poll skips it
      }
    }
  }
}

}  // namespace banyan
