#include "cli/commands.h"
#include "common/process/self.h"

namespace banyan::cli {

ExitCode VersionCommand(Environment& environment, std::span<const std::string> arguments) {
  Flags flags({.command = "version", .summary = "Prints the version of this program"});
  OutputFlag output;
  output.AddTo(flags);
  if (const auto code = ParseFlags(environment, flags, arguments)) return *code;
  if (output.json()) {
    environment.out << R"({"version":")" << BuildVersion() << "\"}\n";
  } else {
    environment.out << "banyan " << BuildVersion() << "\n";
  }
  return ExitCode::kDone;
}

}  // namespace banyan::cli
