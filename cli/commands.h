#ifndef BANYAN_CLI_COMMANDS_H_
#define BANYAN_CLI_COMMANDS_H_

#include <span>
#include <string>
#include <vector>

#include "cli/base/command.h"

namespace banyan::cli {

// Every sub-command there is, in the order of --help; each lives in a file of its name. A new one is a line in
// commands.cc, a declaration here and its file.
std::vector<Command> AllCommands();

// Runs the command that the first argument names; prints the list of them for --help, and what is wrong where there is
// no such command.
ExitCode Dispatch(Environment& environment, std::span<const std::string> arguments);

ExitCode CheckpointsCommand(Environment& environment, std::span<const std::string> arguments);
ExitCode ContextCommand(Environment& environment, std::span<const std::string> arguments);
ExitCode DescribeCommand(Environment& environment, std::span<const std::string> arguments);
ExitCode ExportCommand(Environment& environment, std::span<const std::string> arguments);
ExitCode ForkCommand(Environment& environment, std::span<const std::string> arguments);
ExitCode JobsCommand(Environment& environment, std::span<const std::string> arguments);
ExitCode LocalCommand(Environment& environment, std::span<const std::string> arguments);
ExitCode LogsCommand(Environment& environment, std::span<const std::string> arguments);
ExitCode MetricsCommand(Environment& environment, std::span<const std::string> arguments);
ExitCode PauseCommand(Environment& environment, std::span<const std::string> arguments);
ExitCode ResultCommand(Environment& environment, std::span<const std::string> arguments);
ExitCode ResumeCommand(Environment& environment, std::span<const std::string> arguments);
ExitCode RunCommand(Environment& environment, std::span<const std::string> arguments);
ExitCode ScaleCommand(Environment& environment, std::span<const std::string> arguments);
ExitCode StopCommand(Environment& environment, std::span<const std::string> arguments);
ExitCode SubmitCommand(Environment& environment, std::span<const std::string> arguments);
ExitCode ValidateCommand(Environment& environment, std::span<const std::string> arguments);
ExitCode VersionCommand(Environment& environment, std::span<const std::string> arguments);
ExitCode WaitCommand(Environment& environment, std::span<const std::string> arguments);

}  // namespace banyan::cli

#endif  // BANYAN_CLI_COMMANDS_H_
