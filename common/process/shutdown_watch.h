#ifndef BANYAN_COMMON_PROCESS_SHUTDOWN_WATCH_H_
#define BANYAN_COMMON_PROCESS_SHUTDOWN_WATCH_H_

#include <functional>
#include <string>
#include <thread>

#include "absl/time/time.h"
#include "common/base/sync.h"

namespace banyan {

// How a daemon learns that it shall go: SIGTERM, SIGINT, or the end of a pipe that its parent holds (so that a killed
// parent leaves no orphans). The first asks to drain; a second signal calls `leave_now`, which ends the process.
// Construct it before any other thread starts: it blocks the signals for the whole process. Thread-safe.
class ShutdownWatch {
 public:
  struct Options {
    // A descriptor whose end of file means that the parent is gone, also to a process that is stopped then. -1: none.
    // Closed by this object.
    int parent_pipe = -1;
    // Called on the watching thread at the second signal. Absent: exits with status 143.
    std::function<void()> leave_now;
  };

  explicit ShutdownWatch(Options options);
  ~ShutdownWatch();

  ShutdownWatch(const ShutdownWatch&) = delete;
  ShutdownWatch& operator=(const ShutdownWatch&) = delete;

  // Returns when a drain is asked for.
  void Wait();

  // Returns true when a drain is asked for, false when `timeout` has passed.
  bool WaitFor(absl::Duration timeout);

  // Asks for a drain from inside; `reason` is for the log.
  void Request(const std::string& reason);

  // Why. Empty: not asked for.
  std::string reason() const;

 private:
  void Watch();

  const Options options_;
  const int signals_;  // signalfd
  const int stop_;     // eventfd: the destructor's word to the thread
  mutable Mutex mutex_;
  CondVar changed_;
  std::string reason_ ABSL_GUARDED_BY(mutex_);
  std::jthread thread_;
};

}  // namespace banyan

#endif  // BANYAN_COMMON_PROCESS_SHUTDOWN_WATCH_H_
