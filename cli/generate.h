#ifndef BANYAN_CLI_GENERATE_H_
#define BANYAN_CLI_GENERATE_H_

#include <span>
#include <string>

#include "cli/base/command.h"

namespace banyan::cli {

// The sub-command `generate`: in a target of its own, for it alone links the operators of a worker.
ExitCode GenerateCommand(Environment& environment, std::span<const std::string> arguments);

}  // namespace banyan::cli

#endif  // BANYAN_CLI_GENERATE_H_
