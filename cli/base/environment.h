#ifndef BANYAN_CLI_BASE_ENVIRONMENT_H_
#define BANYAN_CLI_BASE_ENVIRONMENT_H_

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cli/client/jobs_client.h"
#include "common/base/clock.h"
#include "common/file/file_system.h"

namespace banyan::cli {

// Ctrl-C and SIGTERM, while a command wants to hear of them.
class Interrupts {
 public:
  virtual ~Interrupts() = default;
  // Waits up to `timeout`; true once somebody wants the command to end, and from then on.
  virtual bool WaitFor(absl::Duration timeout) = 0;
};

// All that a sub-command sees of the world outside its arguments. Made by main; tests make their own.
struct Environment {
  // Data, and messages for people.
  std::ostream& out;
  std::ostream& err;
  // Whether a line on `err` may be drawn over: it is a terminal, and NO_COLOR is not set.
  bool rewrites_lines = false;
  // Width of that terminal, now: people drag windows.
  std::function<size_t()> columns = [] { return size_t{80}; };

  // Prints a message on a line of its own, in place of a line that is being drawn over. From any thread.
  void Say(const std::string& text) const {
    err << absl::StrCat(rewrites_lines ? "\r\x1b[K" : "", text, "\n") << std::flush;
  }

  // This program as it was called: what is said to be typed next begins with it.
  std::string program = "banyan";
  // Where banyan-coordinator, banyan-server and banyan-worker lie.
  std::string programs;
  // Where contexts.json lies, and where `local up` keeps its cluster unless told otherwise.
  std::string config_dir;
  std::string local_state_dir;
  // Unique for this run of the program: part of the names of fresh folders and of idempotency keys.
  std::string unique;

  FileSystem& files;
  const Clock& clock;
  std::function<std::unique_ptr<JobsClient>(const std::string& endpoint, const std::string& token)> connect;
  // From the call to the end of the result's life, signals do not end the program. A second one does.
  // To be called before anything that starts threads.
  std::function<std::unique_ptr<Interrupts>()> watch_interrupts;
};

}  // namespace banyan::cli

#endif  // BANYAN_CLI_BASE_ENVIRONMENT_H_
