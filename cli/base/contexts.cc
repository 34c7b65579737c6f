#include "cli/base/contexts.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/config/diagnostic.h"
#include "common/file/file_util.h"
#include "nlohmann/json.hpp"

namespace banyan::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kFile[] = "contexts.json";
constexpr uint64_t kMaxBytes = 1 << 20;

std::string TextOf(const Json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

}  // namespace

absl::StatusOr<ClusterAddress> Contexts::Find(const std::string& name) const {
  const std::string& wanted = name.empty() ? current : name;
  if (wanted.empty()) {
    return absl::NotFoundError(
        "no cluster is named; give --coordinator HOST:PORT and --token-file FILE, or start one with: banyan local up");
  }
  const auto it = known.find(wanted);
  if (it != known.end()) return it->second;
  std::vector<std::string> names;
  for (const auto& [known_name, address] : known) names.push_back(known_name);
  return absl::NotFoundError(absl::StrCat("no context '", wanted, "', expected ",
                                          names.empty() ? "none: there are no contexts" : config::OneOf(names)));
}

absl::StatusOr<Contexts> ReadContexts(FileSystem& files, const std::string& directory) {
  const std::string path = JoinPath(directory, kFile);
  ASSIGN_OR_RETURN(const bool exists, Exists(files, path));
  if (!exists) return Contexts();
  ASSIGN_OR_RETURN(const std::string text, ReadFile(files, path, kMaxBytes));
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("contexts") || !json["contexts"].is_object()) {
    return absl::InvalidArgumentError(absl::StrCat("'", path, "' is damaged; remove it"));
  }
  Contexts contexts{.current = TextOf(json, "current")};
  for (const auto& [name, entry] : json["contexts"].items()) {
    contexts.known[name] = {.coordinator = TextOf(entry, "coordinator"),
                            .token_file = TextOf(entry, "token_file"),
                            .state_dir = TextOf(entry, "state_dir")};
  }
  return contexts;
}

absl::Status WriteContexts(FileSystem& files, const std::string& directory, const Contexts& contexts) {
  Json known = Json::object();
  for (const auto& [name, address] : contexts.known) {
    known[name] = {{"coordinator", address.coordinator},
                   {"token_file", address.token_file},
                   {"state_dir", address.state_dir}};
  }
  const Json json = {{"current", contexts.current}, {"contexts", known}};
  RETURN_IF_ERROR(CreateDirectories(files, directory));
  return WriteFileAtomically(files, JoinPath(directory, kFile), json.dump(2) + "\n");
}

}  // namespace banyan::cli
