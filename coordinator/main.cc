// banyan-coordinator: owns jobs and membership, tells servers and workers what to do, and people what they ask.

#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/base/sync.h"
#include "common/file/file_util.h"
#include "common/file/posix_file_system.h"
#include "common/logging/logging.h"
#include "common/metrics/metrics_page.h"
#include "common/process/daemon.h"
#include "common/process/ready_line.h"
#include "common/process/self.h"
#include "common/process/shutdown_watch.h"
#include "common/rpc/server.h"
#include "common/rpc/token.h"
#include "coordinator/service/core.h"
#include "coordinator/service/jobs_service.h"
#include "coordinator/service/metrics.h"
#include "coordinator/service/session_service.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:0", "host:port for servers, workers and people; port 0 takes a free one");
ABSL_FLAG(std::string, metrics_listen, "127.0.0.1:0", "host:port of the metrics page; port 0 takes a free one");
ABSL_FLAG(std::string, state_dir, ".", "directory of the store, the jobs' checkpoints and logs; made if absent");
ABSL_FLAG(std::string, token_file, "", "the cluster's token, made if absent; empty: `token` in --state-dir");
ABSL_FLAG(absl::Duration, server_lease, absl::Seconds(10), "a server that says nothing for so long is dead");
ABSL_FLAG(absl::Duration, server_patience, absl::Milliseconds(500),
          "a job with replicas goes on without a server that says nothing for so long, where others have its chunks; "
          "twice as long each time that the server turns out to be alive");
ABSL_FLAG(absl::Duration, worker_lease, absl::Seconds(2), "a worker that says nothing for so long is dead");
ABSL_FLAG(int, parent_pipe, -1, "descriptor whose end of file means that the parent is gone; -1: none");

namespace banyan::coordinator {
namespace {

constexpr char kName[] = "coordinator";
constexpr absl::Duration kGrace = absl::Milliseconds(500);

// The store's failure, told by the deciding thread.
class Failure {
 public:
  void Set(const absl::Status& status) {
    MutexLock lock(mutex_);
    status_ = status;
  }
  absl::Status status() {
    MutexLock lock(mutex_);
    return status_;
  }

 private:
  Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

absl::Status Serve(ShutdownWatch& watch) {
  PosixFileSystem files;
  SystemClock clock;
  RETURN_IF_ERROR(CreateDirectories(files, absl::GetFlag(FLAGS_state_dir)));
  ASSIGN_OR_RETURN(const std::string state_dir, files.RealPath(absl::GetFlag(FLAGS_state_dir)));
  std::string token_file = absl::GetFlag(FLAGS_token_file);
  if (token_file.empty()) token_file = JoinPath(state_dir, "token");
  ASSIGN_OR_RETURN(const std::string token, ReadOrCreateToken(token_file));
  if (!IsLoopback(absl::GetFlag(FLAGS_metrics_listen))) {
    return absl::InvalidArgumentError("--metrics-listen is beyond loopback; use 127.0.0.1, ::1 or localhost");
  }
  for (const absl::Duration lease : {absl::GetFlag(FLAGS_server_lease), absl::GetFlag(FLAGS_server_patience),
                                     absl::GetFlag(FLAGS_worker_lease)}) {
    if (lease >= absl::Milliseconds(100)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("a lease of ", absl::FormatDuration(lease), " is too short; give 100ms or more"));
  }
  Failure failure;
  ASSIGN_OR_RETURN(const std::unique_ptr<Core> core,
                   Core::Open({.state_dir = state_dir,
                               .files = &files,
                               .clock = &clock,
                               .leases = {.server = absl::GetFlag(FLAGS_server_lease),
                                          .worker = absl::GetFlag(FLAGS_worker_lease),
                                          .patience = absl::GetFlag(FLAGS_server_patience)},
                               .on_failure = [&](const absl::Status& status) {
                                 failure.Set(status);
                                 watch.Request("the store failed");
                               }}));
  SessionService sessions(*core);
  JobsService jobs(*core, files, BuildVersion());
  ASSIGN_OR_RETURN(const std::unique_ptr<RpcServer> rpc, RpcServer::Start({.listen = absl::GetFlag(FLAGS_listen),
                                                                           .token = token,
                                                                           .services = {&sessions, &jobs}}));
  ASSIGN_OR_RETURN(std::unique_ptr<MetricsPage> metrics,
                   MetricsPage::Start(absl::GetFlag(FLAGS_metrics_listen), token, [&] { return Metrics(*core); }));
  std::cout << FormatReadyLine({.name = kName, .endpoint = rpc->endpoint(), .metrics_endpoint = metrics->endpoint()})
            << std::endl;
  log::Info("serving on {}, term {}, state in {}", rpc->endpoint(), core->coordinator_term(), state_dir);
  watch.Wait();
  log::Info("leaving: {}", watch.reason());
  // First nothing is decided any more, then streams end: their end is nobody's death.
  core->Stop();
  metrics.reset();
  rpc->Shutdown(kGrace);
  log::Info("gone");
  return failure.status();
}

}  // namespace
}  // namespace banyan::coordinator

int main(int argc, char** argv) {
  banyan::ParseDaemonFlags(
      argc, argv,
      "Owns jobs and membership: tells servers and workers what to do, and people what they ask.\n"
      "  banyan-coordinator --state-dir=DIR --listen=127.0.0.1:7000");
  banyan::log::SetUp({.process = banyan::coordinator::kName});
  banyan::ShutdownWatch watch({.parent_pipe = absl::GetFlag(FLAGS_parent_pipe)});
  return banyan::DaemonExitCode(banyan::coordinator::Serve(watch));
}
