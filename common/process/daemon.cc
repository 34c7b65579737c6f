#include "common/process/daemon.h"

#include <algorithm>
#include <cstdlib>

#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/logging/logging.h"

namespace banyan {

std::vector<std::string> SpellFlags(const std::vector<std::string>& arguments) {
  std::vector<std::string> spelled;
  std::vector<std::string> roots;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string argument = arguments[i];
    if (i > 0 && argument.starts_with("--")) {
      const size_t end = std::min(argument.find('='), argument.size());
      std::replace(argument.begin() + 2, argument.begin() + static_cast<std::ptrdiff_t>(end), '-', '_');
    }
    if (argument.starts_with("--root=")) {
      roots.push_back(argument.substr(7));
    } else if (argument == "--root" && i + 1 < arguments.size()) {
      roots.push_back(arguments[++i]);
    } else {
      spelled.push_back(std::move(argument));
    }
  }
  if (!roots.empty()) spelled.push_back(absl::StrCat("--root=", absl::StrJoin(roots, ",")));
  return spelled;
}

void ParseDaemonFlags(int argc, char** argv, const std::string& usage) {
  std::vector<std::string> arguments = SpellFlags({argv, argv + argc});
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  absl::SetProgramUsageMessage(usage);
  absl::ParseCommandLine(static_cast<int>(pointers.size()), pointers.data());
}

int DaemonExitCode(const absl::Status& status) {
  if (status.ok()) return EXIT_SUCCESS;
  log::Error("{}", std::string(status.message()));
  return status.code() == absl::StatusCode::kInvalidArgument ? 2 : EXIT_FAILURE;
}

}  // namespace banyan
