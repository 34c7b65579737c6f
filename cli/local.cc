#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "cli/base/contexts.h"
#include "cli/cluster/child_process.h"
#include "cli/cluster/folder_lock.h"
#include "cli/cluster/local_cluster.h"
#include "cli/commands.h"
#include "cli/report/table.h"
#include "common/base/status.h"
#include "common/file/file_util.h"
#include "common/file/roots.h"
#include "common/process/ready_line.h"
#include "nlohmann/json.hpp"

namespace banyan::cli {
namespace {

constexpr char kContext[] = "local";
constexpr absl::Duration kStopping = absl::Seconds(40);  // three roles one after another, and some air
constexpr absl::Duration kDraining = absl::Seconds(10);

struct LocalFlags {
  std::optional<uint64_t> workers;
  std::optional<uint64_t> servers;
  std::optional<uint64_t> threads;
  std::vector<std::string> roots;
  std::string state_dir;
  bool foreground = false;
  OutputFlag output;
};

absl::Status RememberContext(Environment& environment, const LocalCluster& cluster) {
  ASSIGN_OR_RETURN(Contexts contexts, ReadContexts(environment.files, environment.config_dir));
  contexts.known[kContext] = {cluster.coordinator(), cluster.token_file(), cluster.state_dir()};
  contexts.current = kContext;
  return WriteContexts(environment.files, environment.config_dir, contexts);
}

absl::Status ForgetContext(Environment& environment, const std::string& directory) {
  ASSIGN_OR_RETURN(Contexts contexts, ReadContexts(environment.files, environment.config_dir));
  const auto it = contexts.known.find(kContext);
  if (it == contexts.known.end() || it->second.state_dir != directory) return absl::OkStatus();
  contexts.known.erase(it);
  if (contexts.current == kContext) contexts.current.clear();
  return WriteContexts(environment.files, environment.config_dir, contexts);
}

// Starts the cluster, says so on stdout as a daemon does, keeps it until somebody wants this process to end.
absl::Status KeepUp(Environment& environment, LocalCluster::Options options) {
  const std::unique_ptr<Interrupts> interrupts = environment.watch_interrupts();
  options.say = [&environment](const std::string& text) { environment.Say(text); };
  ASSIGN_OR_RETURN(const auto cluster, LocalCluster::Start(environment.files, std::move(options)));
  RETURN_IF_ERROR(RememberContext(environment, *cluster));
  environment.out << FormatReadyLine({.name = kContext, .endpoint = cluster->coordinator(), .metrics_endpoint = ""})
                  << std::endl;
  while (!interrupts->WaitFor(absl::Hours(1))) {
  }
  RETURN_IF_ERROR(cluster->Stop());
  return ForgetContext(environment, cluster->state_dir());
}

// Has another process of this program keep the cluster, and returns when it is ready.
absl::Status KeepUpBehind(Environment& environment, const LocalCluster::Options& options) {
  RETURN_IF_ERROR(CreateDirectories(environment.files, JoinPath(options.state_dir, "logs")));
  std::vector<std::string> command = {JoinPath(environment.programs, "banyan"),
                                      "local",
                                      "up",
                                      "--foreground",
                                      absl::StrCat("--state-dir=", options.state_dir),
                                      absl::StrCat("--servers=", options.servers),
                                      absl::StrCat("--workers=", options.workers),
                                      absl::StrCat("--threads=", options.threads)};
  for (const std::string& root : options.roots) command.push_back(absl::StrCat("--root=", root));
  ASSIGN_OR_RETURN(ChildProcess keeper,
                   ChildProcess::Start({.command = std::move(command),
                                        .log_file = JoinPath(options.state_dir, "logs/keeper.log"),
                                        .own_session = true}));
  ASSIGN_OR_RETURN(const ReadyLine ready, keeper.WaitUntilReady(2 * options.ready_timeout));
  environment.err << "a cluster runs at " << ready.endpoint << ", its state and logs are in " << options.state_dir
                  << "\nnext: banyan submit JOB    end it: banyan local down" << std::endl;
  return absl::OkStatus();
}

absl::Status Up(Environment& environment, const LocalFlags& flags) {
  RETURN_IF_ERROR(CreateDirectories(environment.files, flags.state_dir));
  ASSIGN_OR_RETURN(const std::string directory, environment.files.RealPath(flags.state_dir));
  if (const std::optional<pid_t> owner = FolderOwner(directory)) {
    return absl::FailedPreconditionError(absl::StrCat("process ", *owner, " keeps a cluster in '", directory,
                                                      "' already; stop it with: banyan local down"));
  }
  const std::vector<std::string> roots = flags.roots.empty() ? std::vector<std::string>{"data=."} : flags.roots;
  ASSIGN_OR_RETURN(const Roots parsed, Roots::Parse(environment.files, roots));
  LocalCluster::Options options{.programs = environment.programs,
                                .state_dir = directory,
                                .servers = flags.servers.value_or(1),
                                .workers = flags.workers.value_or(1)};
  for (const auto& [name, folder] : parsed.roots()) options.roots.push_back(absl::StrCat(name, "=", folder));
  const uint64_t cores = std::max(1u, std::thread::hardware_concurrency());
  options.threads = flags.threads.value_or(std::max<uint64_t>(1, cores / options.workers));
  return flags.foreground ? KeepUp(environment, std::move(options)) : KeepUpBehind(environment, options);
}

absl::Status Down(Environment& environment, const std::string& state_dir, bool json) {
  ASSIGN_OR_RETURN(const std::string directory, environment.files.RealPath(state_dir));
  ASSIGN_OR_RETURN(const std::vector<LocalProcess> processes, ReadProcesses(environment.files, directory));
  std::vector<pid_t> running;
  for (const LocalProcess& process : processes) {
    if (IsAlive(process, directory)) running.push_back(process.pid);
  }
  // The keeper ends the others. Without one they drain by themselves.
  const std::optional<pid_t> owner = FolderOwner(directory);
  if (owner) RETURN_IF_ERROR(EndProcesses({*owner}, kStopping));
  RETURN_IF_ERROR(EndProcesses(running, kDraining));
  const absl::Status removed = environment.files.Remove(JoinPath(directory, "processes.json"));
  if (!absl::IsNotFound(removed)) RETURN_IF_ERROR(removed);
  RETURN_IF_ERROR(ForgetContext(environment, directory));
  environment.err << "stopped " << running.size() << " processes; their state stays in " << directory << std::endl;
  if (json) {
    const nlohmann::ordered_json stopped = {{"stopped", running.size()}, {"state_dir", directory}};
    environment.out << stopped.dump() << "\n";
  }
  return absl::OkStatus();
}

ExitCode Status(Environment& environment, const std::string& state_dir, bool json) {
  const absl::StatusOr<std::string> directory = environment.files.RealPath(state_dir);
  if (!directory.ok()) return Fail(environment, directory.status());
  const absl::StatusOr<std::vector<LocalProcess>> processes = ReadProcesses(environment.files, *directory);
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
               .summary = "A cluster on this machine that stays when this command ends; a process of it that ends is\n"
                          "started again. `up` makes it the one that other commands speak to; `status` ends with 6\n"
                          "when a process of it is gone.",
               .least = 1,
               .most = 1});
  flags.AddCount("workers", 1, 64, &local.workers, "with up: workers; 1 unless given");
  flags.AddCount("servers", 1, 64, &local.servers, "with up: servers; 1 unless given");
  flags.AddCount("threads", 1, 1024, &local.threads, "with up: leaves side by side in a worker; cores / workers "
                                                     "unless given");
  flags.AddTexts("root", "NAME=DIR", &local.roots, "with up: a folder that jobs may read; data=. unless given");
  flags.AddSwitch("foreground", &local.foreground, "with up: keep the cluster from here, until Ctrl-C or SIGTERM, as a "
                                                   "service manager wants it");
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
  const bool json = local.output.json();
  const absl::Status status = action == "up" ? Up(environment, local) : Down(environment, local.state_dir, json);
  if (!status.ok()) return Fail(environment, status);
  return action == "up" && json && !local.foreground ? Status(environment, local.state_dir, json) : ExitCode::kDone;
}

}  // namespace banyan::cli
