// banyan-worker: computes gradients of jobs' leaves on this machine. The process that people start only keeps a child
// alive (--child) that does the work, a fresh one for each job.

#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/base/sync.h"
#include "common/file/file_util.h"
#include "common/file/posix_file_system.h"
#include "common/file/roots.h"
#include "common/logging/logging.h"
#include "common/process/ready_line.h"
#include "common/process/shutdown_watch.h"
#include "common/rpc/session_client.h"
#include "common/rpc/token.h"
#include "worker/device/cpu_device.h"
#include "worker/layers/cpu/cpu_operator_factory.h"
#include "worker/service/log_outbox.h"
#include "worker/service/supervisor.h"
#include "worker/service/worker_agent.h"

ABSL_FLAG(std::string, name, "worker-0", "name of this worker, unique in the cluster; keeps its id across restarts");
ABSL_FLAG(std::string, coordinator, "", "host:port of the coordinator");
ABSL_FLAG(std::vector<std::string>, root, {}, "name=DIRECTORY that jobs' paths may name, as in data=/srv/data");
ABSL_FLAG(uint32_t, threads, 0, "leaves computed side by side, one thread each; 0: one a core");
ABSL_FLAG(std::string, state_dir, ".", "directory with the cluster's token file and for indexes of data");
ABSL_FLAG(std::string, token_file, "", "the cluster's token; empty: `token` in --state-dir");
ABSL_FLAG(int, parent_pipe, -1, "descriptor whose end of file means that the parent is gone; -1: none");
ABSL_FLAG(bool, child, false, "do the work; set by the daemon for the process that it starts");

namespace banyan::worker {
namespace {

// Of the eight seconds that a drain may take.
constexpr absl::Duration kDrain = absl::Seconds(5);

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "";
}

// The session's handlers need the agent and the agent needs the session.
class SessionSlot {
 public:
  void Set(SessionClient* session) {
    MutexLock lock(mutex_);
    session_ = session;
  }
  void ReportNow() {
    MutexLock lock(mutex_);
    if (session_ != nullptr) session_->ReportNow();
  }

 private:
  Mutex mutex_;
  SessionClient* session_ = nullptr;
};

absl::StatusOr<std::string> Token() {
  std::string file = absl::GetFlag(FLAGS_token_file);
  if (file.empty()) file = JoinPath(absl::GetFlag(FLAGS_state_dir), "token");
  return ReadToken(file);
}

// What can be wrong with the flags, before any child is started.
absl::Status CheckFlags() {
  if (absl::GetFlag(FLAGS_coordinator).empty()) {
    return absl::InvalidArgumentError("--coordinator is not given; it is the host:port that banyan-coordinator prints");
  }
  PosixFileSystem files;
  RETURN_IF_ERROR(Roots::Parse(files, absl::GetFlag(FLAGS_root)).status());
  return Token().status();
}

absl::StatusOr<int> Work(ShutdownWatch& watch, LogOutbox& logs) {
  ASSIGN_OR_RETURN(const std::string token, Token());
  PosixFileSystem files;
  ASSIGN_OR_RETURN(const Roots roots, Roots::Parse(files, absl::GetFlag(FLAGS_root)));
  ASSIGN_OR_RETURN(const std::unique_ptr<CpuDevice> device, CpuDevice::Create());
  CpuOperatorFactory factory(device->level());
  const SystemClock clock;
  const uint32_t threads =
      absl::GetFlag(FLAGS_threads) > 0 ? absl::GetFlag(FLAGS_threads) : std::max(1u, std::thread::hardware_concurrency());
  std::random_device random;
  v1::Process process;
  process.set_role(v1::WORKER);
  process.set_name(absl::GetFlag(FLAGS_name));
  process.set_incarnation(static_cast<uint64_t>(random()) << 32 | random());
  process.set_pid(getpid());
  process.set_host(HostName());
  process.set_device_kind(device->kind());
  process.set_threads(threads);
  SessionSlot session_slot;
  WorkerAgent agent({.process = process,
                     .token = token,
                     .state_directory = JoinPath(absl::GetFlag(FLAGS_state_dir), "data"),
                     .threads = threads,
                     .cpu_level = device->level(),
                     .files = &files,
                     .roots = &roots,
                     .device = device.get(),
                     .factory = &factory,
                     .clock = &clock,
                     .report_soon = [&] { session_slot.ReportNow(); }});
  SessionClient session({.coordinator = absl::GetFlag(FLAGS_coordinator), .token = token},
                        {.make_report =
                             [&](bool) {
                               v1::Report report = agent.MakeReport();
                               logs.MoveTo(report);
                               return report;
                             },
                         .on_command = [&](const v1::Command& command) { agent.OnCommand(command); },
                         .on_lost = [](const absl::Status& status) {
                           log::Warning("session with the coordinator lost: {}", std::string(status.message()));
                         }});
  session_slot.Set(&session);
  std::jthread drain([&](std::stop_token stop) {
    while (!watch.WaitFor(absl::Milliseconds(100))) {
      if (stop.stop_requested()) return;
    }
    log::Info("draining: {}", watch.reason());
    agent.Drain();
    const absl::Duration deadline = clock.Monotonic() + kDrain;
    Mutex mutex;
    CondVar never;
    while (!stop.stop_requested() && clock.Monotonic() < deadline) {
      MutexLock lock(mutex);
      never.WaitFor(mutex, absl::Milliseconds(50));
    }
    agent.Stop();
  });
  const bool leave = agent.Run();
  session_slot.Set(nullptr);
  return leave ? Supervisor::kLeave : EXIT_SUCCESS;
}

// absl knows flags with underscores; people type hyphens.
void SpellFlags(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    char* at = argv[i];
    if (at[0] != '-' || at[1] != '-') continue;
    for (at += 2; *at != '\0' && *at != '='; ++at) {
      if (*at == '-') *at = '_';
    }
  }
}

// The exit status, where it is no error.
absl::StatusOr<int> Run(int argc, char** argv, LogOutbox& logs) {
  ShutdownWatch watch({.parent_pipe = absl::GetFlag(FLAGS_parent_pipe), .leave_now = {}});
  RETURN_IF_ERROR(CheckFlags());
  if (absl::GetFlag(FLAGS_child)) return Work(watch, logs);
  const SystemClock clock;
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--parent_pipe") ++i;  // and its value: the child has a pipe of its own
    if (!argument.starts_with("--parent_pipe")) arguments.push_back(argument);
  }
  arguments.push_back("--child");
  std::cout << FormatReadyLine({.name = absl::GetFlag(FLAGS_name), .endpoint = "", .metrics_endpoint = ""}) << std::endl;
  RETURN_IF_ERROR(
      Supervisor({.program = "/proc/self/exe", .arguments = std::move(arguments)}, &watch, &clock).Run());
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace banyan::worker

int main(int argc, char** argv) {
  banyan::worker::SpellFlags(argc, argv);
  absl::SetProgramUsageMessage(
      "Computes gradients of jobs' leaves on this machine.\n"
      "  banyan-worker --name=worker-0 --coordinator=127.0.0.1:7000 --state-dir=DIR --root=data=DIR");
  absl::ParseCommandLine(argc, argv);
  banyan::worker::LogOutbox logs;
  banyan::log::Options options;
  options.process = absl::GetFlag(FLAGS_name);
  if (absl::GetFlag(FLAGS_child)) options.collector = [&logs](const banyan::log::Line& line) { logs.Add(line); };
  banyan::log::SetUp(std::move(options));
  const absl::StatusOr<int> result = banyan::worker::Run(argc, argv, logs);
  if (result.ok()) return *result;
  banyan::log::Error("{}", std::string(result.status().message()));
  return result.status().code() == absl::StatusCode::kInvalidArgument ? 2 : EXIT_FAILURE;
}
