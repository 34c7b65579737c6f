#ifndef BANYAN_WORKER_SERVICE_WORKER_H_
#define BANYAN_WORKER_SERVICE_WORKER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/sync.h"
#include "common/cpu/cpu_level.h"
#include "common/file/file_system.h"
#include "common/file/roots.h"
#include "common/logging/logging.h"
#include "common/process/shutdown_watch.h"
#include "common/rpc/connector.h"
#include "common/rpc/session_client.h"
#include "worker/device/device.h"
#include "worker/layers/operator.h"
#include "worker/service/job_runner.h"

namespace banyan::worker {

// One life of a worker: makes itself known to the coordinator, has a part in at most one job, and goes when that is
// over.
class Worker {
 public:
  struct Options {
    std::string name;
    std::string coordinator;
    std::string token;
    std::string index_directory;  // for indexes of data
    Incarnation incarnation;
    uint32_t threads = 1;
    CpuLevel level = CpuLevel::kSse2;
    // How long a drain may take.
    absl::Duration patience = absl::Seconds(6);
  };

  // All outlive the worker.
  struct Needs {
    Device* device = nullptr;
    OperatorFactory* factory = nullptr;
    FileSystem* files = nullptr;
    const Roots* roots = nullptr;
    const Clock* clock = nullptr;
    ShutdownWatch* watch = nullptr;
  };

  Worker(Options options, const Needs& needs);
  ~Worker();

  // Returns when it is to go: its job is over, the coordinator says so, or `watch` does and the job has been left.
  void Run();

  // A line for the coordinator's log. Quick, from any thread.
  void AddLog(const log::Line& line);

 private:
  v1::Report MakeReport(bool first);
  void OnCommand(const v1::Command& command);
  void OnOver();

  const Options options_;
  const Needs needs_;
  Connector connector_;

  Mutex mutex_;
  CondVar changed_;
  uint64_t coordinator_term_ ABSL_GUARDED_BY(mutex_) = 0;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  bool reached_ ABSL_GUARDED_BY(mutex_) = false;  // the coordinator has been heard
  std::shared_ptr<JobRunner> runner_ ABSL_GUARDED_BY(mutex_);
  uint32_t life_ ABSL_GUARDED_BY(mutex_) = 0;  // of the job, as the runner has it
  Mutex log_mutex_;
  std::deque<log::Line> log_ ABSL_GUARDED_BY(log_mutex_);

  std::unique_ptr<SessionClient> session_;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_SERVICE_WORKER_H_
