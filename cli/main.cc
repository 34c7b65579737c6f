#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "cli/base/environment.h"
#include "cli/client/grpc_jobs_client.h"
#include "cli/commands.h"
#include "common/base/clock.h"
#include "common/file/file_util.h"
#include "common/file/posix_file_system.h"
#include "common/process/shutdown_watch.h"

namespace banyan::cli {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// `variable`, or what the XDG base directory specification has in its place.
std::string BaseDirectory(const char* variable, const char* in_home) {
  const std::string given = Variable(variable);
  if (given.starts_with('/')) return JoinPath(given, "banyan");
  const std::string home = Variable("HOME");
  return JoinPath(JoinPath(home.empty() ? "/" : home, in_home), "banyan");
}

// The folder of this program as it was called, without following links: bin/ has links into the build's output.
std::string ProgramFolder(const std::string& called) {
  if (called.find('/') != std::string::npos) return ParentPath(called);
  const std::vector<std::string> folders = absl::StrSplit(Variable("PATH"), ':');
  for (const std::string& folder : folders) {
    const std::string path = JoinPath(folder, called);
    if (access(path.c_str(), X_OK) == 0) return folder;
  }
  return ".";
}

size_t Columns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
}

class SignalInterrupts final : public Interrupts {
 public:
  bool WaitFor(absl::Duration timeout) override { return watch_.WaitFor(timeout); }

 private:
  ShutdownWatch watch_{{.leave_now = [] { _exit(static_cast<int>(ExitCode::kDetached)); }}};
};

int Main(int argc, char** argv) {
  PosixFileSystem files;
  const SystemClock clock;
  Environment environment{
      .out = std::cout,
      .err = std::cerr,
      .rewrites_lines = isatty(STDERR_FILENO) == 1 && Variable("NO_COLOR").empty() && Variable("TERM") != "dumb",
      .columns = Columns,
      .program = argv[0],
      .programs = ProgramFolder(argv[0]),
      .config_dir = BaseDirectory("XDG_CONFIG_HOME", ".config"),
      .local_state_dir = JoinPath(BaseDirectory("XDG_STATE_HOME", ".local/state"), "local"),
      .unique = absl::StrCat(absl::FormatTime("%Y%m%d-%H%M%S", clock.Now(), absl::UTCTimeZone()), "-", getpid()),
      .files = files,
      .clock = clock,
      .connect = [](const std::string& endpoint,
                    const std::string& token) { return ConnectToJobs(endpoint, token); },
      .watch_interrupts = [] { return std::make_unique<SignalInterrupts>(); },
  };
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  return static_cast<int>(Dispatch(environment, arguments));
}

}  // namespace
}  // namespace banyan::cli

int main(int argc, char** argv) { return banyan::cli::Main(argc, argv); }
