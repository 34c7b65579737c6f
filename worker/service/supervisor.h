#ifndef BANYAN_WORKER_SERVICE_SUPERVISOR_H_
#define BANYAN_WORKER_SERVICE_SUPERVISOR_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/process/shutdown_watch.h"

namespace banyan::worker {

// The worker daemon: keeps one child process alive that does the work, a fresh one for each job (the instruction set of
// a oneDNN process is fixed once, crashes stay in the child, memory is given back). A child that fails at once is
// started again after a while that grows. The child dies with this process: it watches a pipe, and the kernel tells it.
class Supervisor {
 public:
  // What a child exits with when the whole daemon shall leave.
  static constexpr int kLeave = 3;

  struct Options {
    std::string program;                 // of the child
    std::vector<std::string> arguments;  // argv[1..]; `--parent-pipe=N` is added
    absl::Duration drain = absl::Seconds(8);  // what a child gets to leave by itself
  };

  // `watch` and `clock` outlive the supervisor.
  Supervisor(Options options, ShutdownWatch* watch, const Clock* clock);

  // Returns when `watch` asked to go and the child is gone, or a child said kLeave. An error when a child cannot be
  // started.
  absl::Status Run();

 private:
  absl::StatusOr<int> Spawn(int* pipe_end);
  void EndChild(int pid);

  const Options options_;
  ShutdownWatch* const watch_;
  const Clock* const clock_;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_SERVICE_SUPERVISOR_H_
