#include "cli/version.h"

#include "cli/commands.h"

namespace banyan::cli {

ExitCode VersionCommand(Environment& environment, std::span<const std::string> arguments) {
  Flags flags({.command = "version", .summary = "Prints the version of this program"});
  OutputFlag output;
  output.AddTo(flags);
  if (const auto code = ParseFlags(environment, flags, arguments)) return *code;
  if (output.json()) {
    environment.out << R"({"version":")" << kVersion << "\"}\n";
  } else {
    environment.out << "banyan " << kVersion << "\n";
  }
  return ExitCode::kDone;
}

}  // namespace banyan::cli
