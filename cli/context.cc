#include "cli/base/contexts.h"

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/report/table.h"
#include "common/base/status.h"
#include "nlohmann/json.hpp"

namespace banyan::cli {
namespace {

void Print(Environment& environment, const Contexts& contexts, bool json) {
  std::vector<std::vector<std::string>> rows = {{"", "NAME", "COORDINATOR", "TOKEN FILE"}};
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const auto& [name, address] : contexts.known) {
    const bool current = name == contexts.current;
    rows.push_back({current ? "*" : "", name, address.coordinator, address.token_file});
    list.push_back({{"name", name},
                    {"current", current},
                    {"coordinator", address.coordinator},
                    {"token_file", address.token_file}});
  }
  environment.out << (json ? list.dump() + "\n" : Table(rows));
}

}  // namespace

ExitCode ContextCommand(Environment& environment, std::span<const std::string> arguments) {
  ClusterAddress address;
  OutputFlag output;
  Flags flags({.command = "context",
               .arguments = "[use NAME]",
               .summary = "Lists the clusters known by name. `use` makes one of them the one that commands speak to;\n"
                          "with --coordinator and --token-file it is remembered first.",
               .most = 2});
  flags.AddText("coordinator", "HOST:PORT", &address.coordinator, "with use: the coordinator of a new context");
  flags.AddText("token-file", "FILE", &address.token_file, "with use: its token");
  output.AddTo(flags);
  if (const auto code = ParseFlags(environment, flags, arguments)) return *code;
  const std::vector<std::string>& words = flags.arguments();
  const bool is_new = !address.coordinator.empty() || !address.token_file.empty();
  if ((!words.empty() && (words[0] != "use" || words.size() != 2)) || (words.empty() && is_new) ||
      (is_new && (address.coordinator.empty() || address.token_file.empty()))) {
    environment.err << "banyan: error: expected nothing, `use NAME`, or `use NAME --coordinator HOST:PORT --token-file "
                       "FILE`" << std::endl;
    return ExitCode::kBadFlags;
  }
  absl::StatusOr<Contexts> contexts = ReadContexts(environment.files, environment.config_dir);
  if (!contexts.ok()) return Fail(environment, contexts.status());
  if (!words.empty()) {
    if (is_new) {
      const absl::StatusOr<std::string> token_file = environment.files.RealPath(address.token_file);
      if (!token_file.ok()) return Fail(environment, token_file.status());
      contexts->known[words[1]] = {.coordinator = address.coordinator, .token_file = *token_file};
    }
    if (const auto found = contexts->Find(words[1]); !found.ok()) return Fail(environment, found.status());
    contexts->current = words[1];
    const absl::Status written = WriteContexts(environment.files, environment.config_dir, *contexts);
    if (!written.ok()) return Fail(environment, written);
  }
  Print(environment, *contexts, output.json());
  return ExitCode::kDone;
}

}  // namespace banyan::cli
