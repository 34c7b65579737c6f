#ifndef BANYAN_CLI_CLUSTER_CHILD_PROCESS_H_
#define BANYAN_CLI_CLUSTER_CHILD_PROCESS_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/process/ready_line.h"

namespace banyan::cli {

// A descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~Descriptor() { reset(); }
  int get() const { return fd_; }
  void reset(int fd = -1);

 private:
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  int fd_;
};

struct Pipe {
  Descriptor read;
  Descriptor write;
};
absl::StatusOr<Pipe> MakePipe();

// A daemon of ours that was started. Destroying this leaves the process alone. Thread-compatible.
class ChildProcess {
 public:
  struct Options {
    std::vector<std::string> command;  // program and arguments
    std::string log_file;              // gets stderr, at its end
    // Descriptor that the child sees under the number kParentPipe. -1: none.
    int parent_pipe = -1;
    // In a session of its own: it outlives this process's terminal.
    bool own_session = false;
  };

  // What a child sees its parent's pipe as.
  static constexpr int kParentPipe = 3;

  // Runs the program in a process group of its own, so that Ctrl-C at a terminal does not reach it, with no input and
  // no other descriptor of ours. NOT_FOUND where there is no such program.
  static absl::StatusOr<ChildProcess> Start(const Options& options);

  pid_t pid() const { return pid_; }
  // Becomes readable when the process ends.
  int descriptor() const { return descriptor_.get(); }

  // Reads its ready line. Where the process ends first or `deadline` passes, the status has the last lines of its log.
  absl::StatusOr<ReadyLine> WaitUntilReady(absl::Duration timeout);

  // Waits for its end and reaps it; in words, "exited with status 1" or "was killed by signal 9". Absent: `timeout`
  // passed.
  std::optional<std::string> WaitForEnd(absl::Duration timeout);

  // Nothing where it has been reaped.
  void Signal(int signal) const;
  // To it and the children that it started.
  void SignalGroup(int signal) const;

 private:
  ChildProcess() = default;
  absl::Status NotReady(const std::string& why) const;

  std::string name_;  // for messages
  std::string log_file_;
  pid_t pid_ = -1;
  Descriptor descriptor_;
  Descriptor output_;
  bool reaped_ = false;
};

// Ends processes that need not be children of ours: SIGTERM, `grace` for all of them together, then SIGKILL to those
// left, and waits for their end.
absl::Status EndProcesses(const std::vector<pid_t>& pids, absl::Duration grace);

}  // namespace banyan::cli

#endif  // BANYAN_CLI_CLUSTER_CHILD_PROCESS_H_
