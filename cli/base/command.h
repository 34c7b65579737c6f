#ifndef BANYAN_CLI_BASE_COMMAND_H_
#define BANYAN_CLI_BASE_COMMAND_H_

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/base/environment.h"
#include "cli/base/exit_code.h"
#include "cli/base/flags.h"
#include "cli/client/jobs_client.h"

namespace banyan::cli {

// One sub-command. `run` gets what stands after the command's name.
struct Command {
  std::string name;
  std::string summary;  // for --help
  ExitCode (*run)(Environment&, std::span<const std::string> arguments);
};

// Prints `banyan: error: ...` and gives the status's code.
ExitCode Fail(Environment& environment, const absl::Status& status);

// Reads the arguments. An exit code: the command is over, for help was wanted (and printed) or the arguments are wrong.
std::optional<ExitCode> ParseFlags(Environment& environment, Flags& flags, std::span<const std::string> arguments);

// The flags by which every command that speaks to a cluster finds it: --coordinator with --token-file, --context, or
// else the current context.
class ClusterFlags {
 public:
  void AddTo(Flags& flags);
  absl::StatusOr<std::unique_ptr<JobsClient>> Connect(Environment& environment) const;

 private:
  std::string context_;
  std::string coordinator_;
  std::string token_file_;
};

// -o text|json.
class OutputFlag {
 public:
  void AddTo(Flags& flags) { flags.AddChoice("o", {"text", "json"}, &form_, "form of the output; text unless given"); }
  bool json() const { return form_ == "json"; }

 private:
  std::string form_ = "text";
};

}  // namespace banyan::cli

#endif  // BANYAN_CLI_BASE_COMMAND_H_
