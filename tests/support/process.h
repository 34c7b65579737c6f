#ifndef BANYAN_TESTS_SUPPORT_PROCESS_H_
#define BANYAN_TESTS_SUPPORT_PROCESS_H_

#include <sys/types.h>

#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "common/base/sync.h"

namespace banyan::testing {

struct CommandResult {
  int exit_code = -1;  // 128 + signal where one ended it
  std::string out;
  std::string err;

  // The last line of `out` that is not empty.
  std::string LastLine() const;
};

// A program that runs, its standard input empty; what it prints is gathered. Thread-compatible.
class Process {
 public:
  struct Options {
    // NAME=value, beside the environment of the test.
    std::vector<std::string> environment = {};
    // Its standard error is a terminal of this width; 0: a pipe.
    uint16_t columns = 0;
    // A file that its standard error is appended to instead, where there is one.
    std::string err_file = {};
  };

  // Dies when it cannot be started.
  explicit Process(const std::vector<std::string>& argv) : Process(argv, Options()) {}
  Process(const std::vector<std::string>& argv, const Options& options);
  // Kills it where it runs.
  ~Process();

  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  void Signal(int signal) const;

  // Waits until it has printed `text` on standard output or error; false when it ended without.
  bool AwaitOut(const std::string& text) { return Await(out_, text); }
  bool AwaitErr(const std::string& text) { return Await(err_, text); }

  // What it has printed.
  std::string out();
  std::string err();

  // Makes the terminal another width, as a user who drags the window.
  void Resize(uint16_t columns) const;

  // Waits for its end.
  CommandResult Wait();

 private:
  bool Await(const std::string& printed, const std::string& text);
  void ReadAll(const std::stop_token& stop);

  pid_t pid_ = -1;
  int out_end_ = -1;
  int err_end_ = -1;
  Mutex mutex_;
  CondVar changed_;
  std::string out_ ABSL_GUARDED_BY(mutex_);
  std::string err_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;  // both are
  bool reaped_ = false;
  std::jthread reader_;  // last: joined before the rest goes
};

}  // namespace banyan::testing

#endif  // BANYAN_TESTS_SUPPORT_PROCESS_H_
