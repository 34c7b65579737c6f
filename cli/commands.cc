#include "cli/commands.h"

#include "absl/strings/str_cat.h"
#include "cli/generate/generate.h"
#include "common/config/diagnostic.h"

namespace banyan::cli {
namespace {

std::string Help(const std::vector<Command>& commands) {
  std::string help = "usage: banyan COMMAND ...\n\n";
  for (const Command& command : commands) {
    absl::StrAppend(&help, "  ", command.name, std::string(13 - command.name.size(), ' '), command.summary, "\n");
  }
  return help + "\nbanyan COMMAND --help says more. A job is named by its id, its name or @last.\n";
}

}  // namespace

std::vector<Command> AllCommands() {
  return {
      {"run", "runs a job on a cluster of its own on this machine, and cleans up", RunCommand},
      {"local", "a cluster on this machine that stays: up, down, status", LocalCommand},
      {"validate", "checks a job file and says what it means", ValidateCommand},
      {"submit", "gives a job to a cluster and follows it", SubmitCommand},
      {"jobs", "lists the jobs of a cluster", JobsCommand},
      {"describe", "says all that is known of a job", DescribeCommand},
      {"logs", "prints what a job's processes logged", LogsCommand},
      {"metrics", "prints loss, learning rate and norm of every step", MetricsCommand},
      {"wait", "waits until a job is over, or at a step or state", WaitCommand},
      {"result", "prints what a job ended with", ResultCommand},
      {"stop", "stops a job after a checkpoint", StopCommand},
      {"pause", "takes a job's processes away after a checkpoint, for a while", PauseCommand},
      {"resume", "goes on with a paused, stopped or failed job from its checkpoint", ResumeCommand},
      {"fork", "begins a new job with the state of another after one of its steps", ForkCommand},
      {"scale", "changes how many workers and servers a job takes, while it trains", ScaleCommand},
      {"checkpoints", "lists and verifies a job's checkpoints", CheckpointsCommand},
      {"export", "writes a checkpoint's weights as other tools load them", ExportCommand},
      {"generate", "lets a trained model write text", GenerateCommand},
      {"context", "the clusters known by name, and which is spoken to", ContextCommand},
      {"version", "prints the version of this program", VersionCommand},
  };
}

ExitCode Dispatch(Environment& environment, std::span<const std::string> arguments) {
  const std::vector<Command> commands = AllCommands();
  if (arguments.empty()) {
    environment.err << Help(commands);
    return ExitCode::kBadFlags;
  }
  const std::string& name = arguments.front();
  if (name == "--help" || name == "-h" || name == "help") {
    environment.out << Help(commands);
    return ExitCode::kDone;
  }
  if (name == "--version") return VersionCommand(environment, {});
  std::vector<std::string> names;
  for (const Command& command : commands) {
    if (command.name == name) return command.run(environment, arguments.subspan(1));
    names.push_back(command.name);
  }
  Fail(environment, absl::InvalidArgumentError(absl::StrCat(
                        "unknown ", name.starts_with("-") ? "flag" : "command", " '", name, "'",
                        config::DidYouMean(name, names), "; banyan --help lists the commands")));
  return ExitCode::kBadFlags;
}

}  // namespace banyan::cli
