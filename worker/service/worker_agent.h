#ifndef BANYAN_WORKER_SERVICE_WORKER_AGENT_H_
#define BANYAN_WORKER_SERVICE_WORKER_AGENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/base/sync.h"
#include "common/cpu/cpu_level.h"
#include "common/file/file_system.h"
#include "common/file/roots.h"
#include "proto/cluster.pb.h"
#include "worker/data/dataset.h"
#include "worker/device/device.h"
#include "worker/service/job_runner.h"

namespace banyan::worker {

// What a worker process does with the coordinator's commands: it waits for a job, indexes its data when told to, takes
// it through its steps, and is spent: the process ends with its job, and the next one gets a fresh process.
class WorkerAgent {
 public:
  struct Options {
    v1::Process process;  // what the worker is
    std::string token;
    std::string state_directory;  // for indexes of data
    uint32_t threads = 1;
    CpuLevel cpu_level = CpuLevel::kSse2;
    FileSystem* files = nullptr;
    const Roots* roots = nullptr;
    Device* device = nullptr;
    OperatorFactory* factory = nullptr;
    const Clock* clock = nullptr;
    std::function<void()> report_soon;  // called on any thread
  };

  // Everything in `options` outlives the agent.
  explicit WorkerAgent(Options options);

  // Returns when there is nothing more to do in this process: the job is over here, the coordinator said to leave, or
  // Stop was called. A job that cannot go on stays, with its reason in the reports, until it is taken away.
  // True when the coordinator wants the worker to leave for good.
  bool Run();

  // ---- Thread-safe.
  void OnCommand(const v1::Command& command);
  v1::Report MakeReport();
  // From now on reports say that the worker drains: it is given nothing new and what it has is taken away.
  void Drain();
  void Stop();

 private:
  enum class Work { kNothing, kIndex, kRun, kLeave };

  Work WaitForWork();
  void SendLastReport();
  absl::Status Index();
  absl::Status RunJob();
  absl::Status OpenData(const v1::ResolvedJob& job);
  void SetFailure(const absl::Status& status);
  v1::ResolvedJob job() const;
  bool Named(const v1::Command& command) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  std::unique_ptr<Dataset> data_;  // for the main thread

  mutable Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool leaving_ ABSL_GUARDED_BY(mutex_) = false;  // the coordinator said so
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t id_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t coordinator_term_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<v1::JobCommand> command_ ABSL_GUARDED_BY(mutex_);  // of the one job, the newest
  bool taken_away_ ABSL_GUARDED_BY(mutex_) = false;                 // there was a job and it is no longer named
  std::optional<DataFacts> facts_ ABSL_GUARDED_BY(mutex_);
  std::string failure_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<JobRunner> runner_ ABSL_GUARDED_BY(mutex_);
  std::optional<JobReport> last_report_ ABSL_GUARDED_BY(mutex_);    // of a runner that is gone
  uint64_t reports_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_SERVICE_WORKER_AGENT_H_
