#ifndef BANYAN_WORKER_SERVICE_SUPERVISOR_H_
#define BANYAN_WORKER_SERVICE_SUPERVISOR_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/sync.h"
#include "common/process/shutdown_watch.h"

namespace banyan::worker {

// Keeps one child process running: a worker's life is one job, so each ends and is followed by the next. A child that
// fails is followed after a pause that doubles. Signals are passed on; no child outlives the supervisor: it holds the
// only writing end of a pipe whose end the child watches, and the kernel kills the child with it.
class Supervisor {
 public:
  struct Options {
    std::string program;                 // path
    std::vector<std::string> arguments;  // after the program's name; `--parent-pipe=FD` is put behind them
    absl::Duration first_pause = absl::Milliseconds(100);
    absl::Duration last_pause = absl::Seconds(5);
    // A child that lived this long begins anew with the first pause.
    absl::Duration settled = absl::Seconds(10);
  };

  Supervisor(Options options, const Clock& clock) : options_(std::move(options)), clock_(clock) {}

  // On the process's main thread (a child dies with the thread that made it). Returns when `watch` asks to drain and the
  // child has gone: its exit code.
  int Run(ShutdownWatch& watch);

  // A second signal: the child is to leave at once. From any thread.
  void LeaveNow();

 private:
  absl::StatusOr<pid_t> Spawn(int pipe);
  // Waits for the child's end: its exit code, 128 + n for signal n.
  int Wait(pid_t pid);
  void Signal();

  const Options options_;
  const Clock& clock_;
  Mutex mutex_;
  pid_t child_ ABSL_GUARDED_BY(mutex_) = -1;  // -1: none to be signalled
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_SERVICE_SUPERVISOR_H_
