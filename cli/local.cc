#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "cli/base/contexts.h"
#include "cli/cluster/local_cluster.h"
#include "cli/commands.h"
#include "cli/report/table.h"
#include "common/base/status.h"
#include "common/file/file_util.h"
#include "common/file/roots.h"
#include "nlohmann/json.hpp"

namespace banyan::cli {
namespace {

constexpr char kContext[] = "local";

struct LocalFlags {
  std::optional<uint64_t> workers;
  std::optional<uint64_t> servers;
  std::optional<uint64_t> threads;
  std::vector<std::string> roots;
  std::string state_dir;
  OutputFlag output;
};

// Those that run, of the cluster in `directory`; with `all`, also those that do not.
absl::StatusOr<std::vector<LocalProcess>> Processes(Environment& environment, const std::string& directory, bool all) {
  ASSIGN_OR_RETURN(std::vector<LocalProcess> processes, ReadProcesses(environment.files, directory));
  if (!all) std::erase_if(processes, [&](const LocalProcess& process) { return !IsAlive(process, directory); });
  return processes;
}

absl::Status Up(Environment& environment, const LocalFlags& flags) {
  RETURN_IF_ERROR(CreateDirectories(environment.files, flags.state_dir));
  ASSIGN_OR_RETURN(const std::string directory, environment.files.RealPath(flags.state_dir));
  const absl::StatusOr<std::vector<LocalProcess>> running = Processes(environment, directory, /*all=*/false);
  if (running.ok() && !running->empty()) {
    return absl::FailedPreconditionError(absl::StrCat("a cluster of ", running->size(), " processes runs in '",
                                                      directory, "' already; stop it with: banyan local down"));
  }
  const std::vector<std::string> roots = flags.roots.empty() ? std::vector<std::string>{"data=."} : flags.roots;
  ASSIGN_OR_RETURN(const Roots parsed, Roots::Parse(environment.files, roots));
  LocalCluster::Options options{.programs = environment.programs,
                                .state_dir = directory,
                                .servers = flags.servers.value_or(1),
                                .workers = flags.workers.value_or(1),
                                .stays = true};
  for (const auto& [name, folder] : parsed.roots()) options.roots.push_back(absl::StrCat(name, "=", folder));
  const uint64_t cores = std::max(1u, std::thread::hardware_concurrency());
  options.threads = flags.threads.value_or(std::max<uint64_t>(1, cores / options.workers));
  ASSIGN_OR_RETURN(const auto cluster, LocalCluster::Start(environment.files, std::move(options)));

  ASSIGN_OR_RETURN(Contexts contexts, ReadContexts(environment.files, environment.config_dir));
  contexts.known[kContext] = {cluster->coordinator(), cluster->token_file(), directory};
  contexts.current = kContext;
  RETURN_IF_ERROR(WriteContexts(environment.files, environment.config_dir, contexts));
  environment.err << "a cluster runs at " << cluster->coordinator() << ", its state and logs are in " << directory
                  << "\nnext: banyan submit JOB    end it: banyan local down" << std::endl;
  return absl::OkStatus();
}

absl::Status Down(Environment& environment, const std::string& state_dir) {
  ASSIGN_OR_RETURN(const std::string directory, environment.files.RealPath(state_dir));
  ASSIGN_OR_RETURN(const std::vector<LocalProcess> running, Processes(environment, directory, /*all=*/false));
  for (const char* role : {"worker", "server", "coordinator"}) {
    std::vector<pid_t> pids;
    for (const LocalProcess& process : running) {
      if (process.role == role) pids.push_back(process.pid);
    }
    RETURN_IF_ERROR(EndProcesses(pids, absl::Seconds(10)));
  }
  RETURN_IF_ERROR(environment.files.Remove(JoinPath(directory, "processes.json")));
  ASSIGN_OR_RETURN(Contexts contexts, ReadContexts(environment.files, environment.config_dir));
  const auto it = contexts.known.find(kContext);
  if (it != contexts.known.end() && it->second.state_dir == directory) {
    contexts.known.erase(it);
    if (contexts.current == kContext) contexts.current.clear();
    RETURN_IF_ERROR(WriteContexts(environment.files, environment.config_dir, contexts));
  }
  environment.err << "stopped " << running.size() << " processes; their state stays in " << directory << std::endl;
  return absl::OkStatus();
}

ExitCode Status(Environment& environment, const std::string& state_dir, bool json) {
  const absl::StatusOr<std::string> directory = environment.files.RealPath(state_dir);
  if (!directory.ok()) return Fail(environment, directory.status());
  const absl::StatusOr<std::vector<LocalProcess>> processes = Processes(environment, *directory, /*all=*/true);
  if (!processes.ok()) return Fail(environment, processes.status());
  std::vector<std::vector<std::string>> rows = {{"PROCESS", "STATE", "PID", "ENDPOINT", "METRICS"}};
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  bool all_run = true;
  for (const LocalProcess& process : *processes) {
    const bool runs = IsAlive(process, *directory);
    all_run = all_run && runs;
    rows.push_back({process.Name(), runs ? "runs" : "gone", absl::StrCat(process.pid), process.endpoint,
                    process.metrics});
    list.push_back({{"role", process.role},
                    {"index", process.index},
                    {"pid", process.pid},
                    {"endpoint", process.endpoint},
                    {"metrics", process.metrics},
                    {"runs", runs}});
  }
  environment.out << (json ? list.dump() + "\n" : Table(rows));
  return all_run ? ExitCode::kDone : ExitCode::kUnreachable;
}

}  // namespace

ExitCode LocalCommand(Environment& environment, std::span<const std::string> arguments) {
  LocalFlags local{.state_dir = environment.local_state_dir};
  Flags flags({.command = "local",
               .arguments = "up|down|status",
               .summary = "A cluster on this machine that stays when this command ends. `up` makes it the one that\n"
                          "other commands speak to; `status` ends with 6 when a process of it is gone.",
               .least = 1,
               .most = 1});
  flags.AddCount("workers", 1, 64, &local.workers, "with up: workers; 1 unless given");
  flags.AddCount("servers", 1, 64, &local.servers, "with up: servers; 1 unless given");
  flags.AddCount("threads", 1, 1024, &local.threads, "with up: leaves side by side in a worker; cores / workers "
                                                     "unless given");
  flags.AddTexts("root", "NAME=DIR", &local.roots, "with up: a folder that jobs may read; data=. unless given");
  flags.AddText("state-dir", "DIR", &local.state_dir, absl::StrCat("the cluster's folder; ", local.state_dir,
                                                                   " unless given"));
  local.output.AddTo(flags);
  if (const auto code = ParseFlags(environment, flags, arguments)) return *code;
  const std::string& action = flags.arguments().front();
  if (action == "status") return Status(environment, local.state_dir, local.output.json());
  if (action != "up" && action != "down") {
    Fail(environment, absl::InvalidArgumentError(absl::StrCat("unknown action '", action,
                                                              "', expected up, down or status")));
    return ExitCode::kBadFlags;
  }
  const absl::Status status = action == "up" ? Up(environment, local) : Down(environment, local.state_dir);
  return status.ok() ? ExitCode::kDone : Fail(environment, status);
}

}  // namespace banyan::cli
