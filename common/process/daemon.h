#ifndef BANYAN_COMMON_PROCESS_DAEMON_H_
#define BANYAN_COMMON_PROCESS_DAEMON_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

// What the main functions of the daemons have in common.
namespace banyan {

// absl knows flags with underscores and takes a repeated one's last value; people type hyphens and repeat --root. The
// command line as absl wants it, the program's name first.
std::vector<std::string> SpellFlags(const std::vector<std::string>& arguments);

// Sets absl's flags from the command line. Ends the process on --help, and on what is no flag.
void ParseDaemonFlags(int argc, char** argv, const std::string& usage);

// Logs an error. The daemon's exit code: 0, 2 for an INVALID_ARGUMENT (what was typed), 1 for anything else.
int DaemonExitCode(const absl::Status& status);

}  // namespace banyan

#endif  // BANYAN_COMMON_PROCESS_DAEMON_H_
