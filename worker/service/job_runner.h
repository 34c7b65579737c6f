#ifndef BANYAN_WORKER_SERVICE_JOB_RUNNER_H_
#define BANYAN_WORKER_SERVICE_JOB_RUNNER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/base/sync.h"
#include "common/cpu/cpu_level.h"
#include "common/file/file_system.h"
#include "common/file/roots.h"
#include "common/protocol/session.h"
#include "worker/device/device.h"
#include "worker/layers/operator.h"
#include "worker/service/step_loop.h"

namespace banyan {
class Connector;
namespace v1 {
class JobCommand;
class ResolvedJob;
}  // namespace v1
}  // namespace banyan

namespace banyan::worker {

// A worker's part in one job, from the coordinator's first word on it to the last: opens the data, tells what they are
// if asked, compares them with the job's, then runs the steps. What goes wrong is told in Report and ends nothing: the
// coordinator decides. Thread-safe.
class JobRunner {
 public:
  struct Options {
    WorkerId worker;
    Incarnation incarnation;
    std::string index_directory;  // for indexes of data
    uint32_t threads = 1;
    CpuLevel level = CpuLevel::kSse2;
    // Called on the runner's thread. `on_news`: a report ought to go out soon. `on_over`: the job is over here.
    std::function<void()> on_news;
    std::function<void()> on_over;
  };

  // All outlive the runner.
  struct Needs {
    Device* device = nullptr;
    OperatorFactory* factory = nullptr;
    Connector* connector = nullptr;
    FileSystem* files = nullptr;
    const Roots* roots = nullptr;
    const Clock* clock = nullptr;
  };

  JobRunner(Options options, const Needs& needs, const v1::ResolvedJob& job);
  // Leaves the job; waits for the leaves that are running.
  ~JobRunner();

  const std::string& job() const { return job_id_; }

  void OnCommand(const v1::JobCommand& command, uint64_t coordinator_term);
  // `first`: of a stream.
  JobReport Report(bool first) const;

 private:
  void Run();
  absl::Status Prepare();
  // Until the command carries the data's facts; false when the job is left before that.
  bool WaitForFacts();

  const Options options_;
  const Needs needs_;
  const std::string job_id_;
  std::unique_ptr<v1::ResolvedJob> job_;  // of Run's thread, but for what WaitForFacts takes over
  std::unique_ptr<Dataset> data_;
  std::unique_ptr<const JobPlan> plan_;

  mutable Mutex mutex_;
  CondVar changed_;
  bool left_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<v1::ResolvedJob> told_ ABSL_GUARDED_BY(mutex_);  // the job as last told
  std::optional<JobOrder> order_ ABSL_GUARDED_BY(mutex_);          // the last one, while nobody takes them
  std::optional<DataFacts> facts_ ABSL_GUARDED_BY(mutex_);
  bool facts_wanted_ ABSL_GUARDED_BY(mutex_) = false;
  std::string failure_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<StepLoop> loop_ ABSL_GUARDED_BY(mutex_);

  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_SERVICE_JOB_RUNNER_H_
