#ifndef BANYAN_CLI_GENERATE_GENERATE_H_
#define BANYAN_CLI_GENERATE_GENERATE_H_

#include <span>
#include <string>

#include "cli/base/command.h"

namespace banyan::cli {

// `banyan generate JOB|DIR`: lets a trained text model go on from a prompt. A directory (a checkpoint, a job's folder
// of checkpoints, an export) is read without any cluster; anything else names a job of the cluster, whose newest
// checkpoint is read.
ExitCode GenerateCommand(Environment& environment, std::span<const std::string> arguments);

}  // namespace banyan::cli

#endif  // BANYAN_CLI_GENERATE_GENERATE_H_
