// banyan-server: holds chunks of jobs' parameters and optimizer state, sums gradients and applies updates.

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/base/sync.h"
#include "common/cpu/cpu_level.h"
#include "common/file/posix_file_system.h"
#include "common/file/roots.h"
#include "common/logging/logging.h"
#include "common/metrics/metrics_page.h"
#include "common/process/daemon.h"
#include "common/process/ready_line.h"
#include "common/process/self.h"
#include "common/process/shutdown_watch.h"
#include "common/rpc/server.h"
#include "common/rpc/session_client.h"
#include "common/rpc/token.h"
#include "server/service/log_outbox.h"
#include "server/service/parameter_service.h"
#include "server/service/server_agent.h"

ABSL_FLAG(std::string, name, "server-0", "name of this server, unique in the cluster; keeps its id across restarts");
ABSL_FLAG(std::string, listen, "127.0.0.1:0", "host:port for workers and other servers; port 0 takes a free one");
ABSL_FLAG(std::string, advertise, "", "host:port that workers and other servers are told; empty: where it listens");
ABSL_FLAG(std::string, metrics_listen, "127.0.0.1:0", "host:port of the metrics page; port 0 takes a free one");
ABSL_FLAG(std::string, coordinator, "", "host:port of the coordinator");
ABSL_FLAG(std::vector<std::string>, root, {},
          "name=DIRECTORY that jobs' paths may name, as in data=/srv/data; may be given several times");
ABSL_FLAG(uint32_t, threads, 0, "executors: threads that sum and update, each with chunks of its own; 0: one a core");
ABSL_FLAG(std::string, state_dir, ".", "directory with the cluster's token file");
ABSL_FLAG(std::string, token_file, "", "the cluster's token; empty: `token` in --state-dir");
ABSL_FLAG(uint64_t, memory_bytes, 0, "all jobs' chunks together may take; 0: no limit");
ABSL_FLAG(uint64_t, pool_bytes, 64 << 20, "for gradients that wait for others, of each job on each executor");
ABSL_FLAG(int, parent_pipe, -1, "descriptor whose end of file means that the parent is gone; -1: none");

namespace banyan::server {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(100);
// Of the eight seconds that a drain may take.
constexpr absl::Duration kDrain = absl::Seconds(5);
constexpr absl::Duration kGrace = absl::Milliseconds(500);

v1::Process Describe(uint32_t threads) {
  std::random_device random;
  v1::Process process;
  process.set_role(v1::SERVER);
  process.set_name(absl::GetFlag(FLAGS_name));
  process.set_incarnation(static_cast<uint64_t>(random()) << 32 | random());
  process.set_pid(getpid());
  process.set_host(HostName());
  process.set_build(BuildVersion());
  process.set_threads(threads);
  return process;
}

// What others start before and stop after the agent. The agent is made last: it must know the endpoint.
class AgentSlot {
 public:
  void Set(ServerAgent* agent) {
    MutexLock lock(mutex_);
    agent_ = agent;
  }
  std::shared_ptr<JobHost> Find(const std::string& job) {
    MutexLock lock(mutex_);
    return agent_ == nullptr ? nullptr : agent_->Find(job);
  }
  std::vector<MetricSample> Metrics() {
    MutexLock lock(mutex_);
    return agent_ == nullptr ? std::vector<MetricSample>() : agent_->Metrics();
  }
  bool Idle() {
    MutexLock lock(mutex_);
    return agent_ == nullptr || !agent_->HasJobs();
  }

 private:
  Mutex mutex_;
  ServerAgent* agent_ = nullptr;
};

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

absl::Status Serve(ShutdownWatch& watch, LogOutbox& logs) {
  if (absl::GetFlag(FLAGS_coordinator).empty()) {
    return absl::InvalidArgumentError("--coordinator is not given; it is the host:port that banyan-coordinator prints");
  }
  const std::string advertise = absl::GetFlag(FLAGS_advertise);
  if (!advertise.empty() && !IsLoopback(advertise)) {
    return absl::InvalidArgumentError(absl::StrCat("refusing to advertise '", advertise,
                                                   "': beyond loopback there must be mutual TLS, which is not there yet"));
  }
  for (const std::string& listen : {absl::GetFlag(FLAGS_listen), absl::GetFlag(FLAGS_metrics_listen)}) {
    if (IsLoopback(listen)) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "refusing to listen on '", listen,
        "': beyond loopback a server must have mutual TLS, which is not there yet; listen on 127.0.0.1"));
  }
  uint32_t threads = absl::GetFlag(FLAGS_threads);
  if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
  std::string token_file = absl::GetFlag(FLAGS_token_file);
  if (token_file.empty()) token_file = absl::StrCat(absl::GetFlag(FLAGS_state_dir), "/token");
  ASSIGN_OR_RETURN(const std::string token, ReadToken(token_file));
  PosixFileSystem files;
  ASSIGN_OR_RETURN(const Roots roots, Roots::Parse(files, absl::GetFlag(FLAGS_root)));

  AgentSlot agent_slot;
  SessionSlot session_slot;
  ParameterService service([&](const std::string& job) { return agent_slot.Find(job); });
  ASSIGN_OR_RETURN(const std::unique_ptr<RpcServer> rpc,
                   RpcServer::Start({.listen = absl::GetFlag(FLAGS_listen), .token = token, .services = {&service}}));
  ASSIGN_OR_RETURN(std::unique_ptr<MetricsPage> metrics,
                   MetricsPage::Start(absl::GetFlag(FLAGS_metrics_listen), token,
                                      [&] { return agent_slot.Metrics(); }));
  v1::Process process = Describe(threads);
  process.set_endpoint(advertise.empty() ? rpc->endpoint() : advertise);
  process.set_metrics_endpoint(metrics->endpoint());
  ServerAgent agent({.process = process,
                     .token = token,
                     .executors = threads,
                     .pool_bytes = absl::GetFlag(FLAGS_pool_bytes),
                     .memory_bytes = absl::GetFlag(FLAGS_memory_bytes),
                     .files = &files,
                     .roots = &roots,
                     .level = DetectCpuLevel(),
                     .report_soon = [&] { session_slot.ReportNow(); },
                     .leave = [&](const std::string& reason) { watch.Request(reason); }});
  agent_slot.Set(&agent);
  std::atomic<bool> lost = false;
  {
    SessionClient session(
        {.coordinator = absl::GetFlag(FLAGS_coordinator), .token = token},
        {.make_report =
             [&](bool first) {
               v1::Report report = agent.MakeReport(first);
               logs.MoveTo(report);
               return report;
             },
         .on_command =
             [&](const v1::Command& command) {
               lost = false;
               agent.OnCommand(command);
             },
         .on_lost =
             [&](const absl::Status& status) {
               // Once a loss, not once an attempt.
               if (lost.exchange(true)) return;
               log::Warning("no session with the coordinator at {}, trying on: {}", absl::GetFlag(FLAGS_coordinator),
                            std::string(status.message()));
             }});
    session_slot.Set(&session);
    std::cout << FormatReadyLine({.name = process.name(),
                                  .endpoint = rpc->endpoint(),
                                  .metrics_endpoint = process.metrics_endpoint()})
              << std::endl;
    log::Info("serving on {} with {} executors", rpc->endpoint(), threads);
    const SystemClock clock;
    const SteadyTime time(clock);
    while (!watch.WaitFor(kTick)) agent.OnTick(time.Now());
    log::Info("draining: {}", watch.reason());
    agent.Drain();
    session.ReportNow();
    const absl::Duration deadline = clock.Monotonic() + kDrain;
    Mutex mutex;
    CondVar never;
    while (!agent_slot.Idle() && clock.Monotonic() < deadline) {
      agent.OnTick(time.Now());
      MutexLock lock(mutex);
      never.WaitFor(mutex, kTick);
    }
    session_slot.Set(nullptr);
  }
  // Streams end before what serves them goes.
  agent.StopJobs();
  rpc->Shutdown(kGrace);
  agent_slot.Set(nullptr);
  metrics.reset();
  log::Info("gone");
  return absl::OkStatus();
}

}  // namespace
}  // namespace banyan::server

int main(int argc, char** argv) {
  banyan::ParseDaemonFlags(
      argc, argv,
      "Holds chunks of jobs' parameters and optimizer state: sums gradients, applies updates, writes checkpoints.\n"
      "  banyan-server --name=server-0 --coordinator=127.0.0.1:7000 --state-dir=DIR --root=data=DIR");
  banyan::server::LogOutbox logs;
  banyan::log::SetUp({.process = absl::GetFlag(FLAGS_name),
                      .collector = [&logs](const banyan::log::Line& line) { logs.Add(line); }});
  banyan::ShutdownWatch watch({.parent_pipe = absl::GetFlag(FLAGS_parent_pipe)});
  return banyan::DaemonExitCode(banyan::server::Serve(watch, logs));
}
