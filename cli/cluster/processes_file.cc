#include "cli/cluster/processes_file.h"

#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/file/file_util.h"
#include "nlohmann/json.hpp"

namespace banyan::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kFile[] = "processes.json";
constexpr uint64_t kMaxBytes = 1 << 20;

bool IsProcess(const Json& entry) {
  for (const char* name : {"role", "endpoint", "metrics"}) {
    if (!entry.contains(name) || !entry[name].is_string()) return false;
  }
  for (const char* name : {"index", "pid"}) {
    if (!entry.contains(name) || !entry[name].is_number_unsigned()) return false;
  }
  return entry["pid"] > 1;
}

}  // namespace

std::string LocalProcess::Name() const { return role == "coordinator" ? role : absl::StrCat(role, "-", index); }

absl::Status WriteProcesses(FileSystem& files, const std::string& directory,
                            const std::vector<LocalProcess>& processes) {
  Json json = Json::array();
  for (const LocalProcess& process : processes) {
    json.push_back({{"role", process.role},
                    {"index", process.index},
                    {"pid", process.pid},
                    {"endpoint", process.endpoint},
                    {"metrics", process.metrics}});
  }
  return WriteFileAtomically(files, JoinPath(directory, kFile), json.dump(1) + "\n");
}

absl::StatusOr<std::vector<LocalProcess>> ReadProcesses(FileSystem& files, const std::string& directory) {
  const std::string path = JoinPath(directory, kFile);
  ASSIGN_OR_RETURN(const std::string text, ReadFile(files, path, kMaxBytes));
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  std::vector<LocalProcess> processes;
  bool good = json.is_array();
  for (size_t i = 0; good && i < json.size(); ++i) {
    const Json& entry = json[i];
    good = entry.is_object() && IsProcess(entry);
    if (!good) break;
    processes.push_back({.role = entry["role"],
                         .index = entry["index"],
                         .pid = entry["pid"],
                         .endpoint = entry["endpoint"],
                         .metrics = entry["metrics"]});
  }
  if (!good) return absl::InvalidArgumentError(absl::StrCat("'", path, "' is damaged; remove it"));
  return processes;
}

bool IsAlive(const LocalProcess& process, const std::string& directory) {
  std::ifstream file(absl::StrCat("/proc/", process.pid, "/cmdline"), std::ios::binary);
  const std::string command{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return command.find(JoinPath(directory, process.Name())) != std::string::npos;
}

}  // namespace banyan::cli
