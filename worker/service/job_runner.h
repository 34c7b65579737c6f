#ifndef BANYAN_WORKER_SERVICE_JOB_RUNNER_H_
#define BANYAN_WORKER_SERVICE_JOB_RUNNER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/base/sync.h"
#include "common/cpu/cpu_level.h"
#include "common/job/job_plan.h"
#include "common/protocol/session.h"
#include "worker/client/step_machine.h"
#include "worker/client/stream_pool.h"
#include "worker/data/dataset.h"
#include "worker/training/executor.h"
#include "worker/training/gradient_reducer.h"
#include "worker/training/job_layout.h"
#include "worker/training/parameter_store.h"

namespace banyan::worker {

// One job on one worker: the step machine, its streams and its compute threads, and the loop that joins them.
class JobRunner {
 public:
  struct Options {
    std::string job;  // id
    std::string token;
    WorkerId worker;
    Incarnation incarnation;
    uint32_t threads = 1;
    CpuLevel cpu_level = CpuLevel::kSse2;
    const JobPlan* plan = nullptr;
    const Dataset* data = nullptr;
    Device* device = nullptr;
    OperatorFactory* factory = nullptr;
    const Clock* clock = nullptr;
  };

  // Everything in `options` outlives the runner.
  explicit JobRunner(const Options& options);
  ~JobRunner();

  // Takes the job through its steps; returns when it is over (OK), when Stop was called (CANCELLED), or when it cannot
  // go on here.
  absl::Status Run();

  // ---- Thread-safe.
  void OnOrder(JobOrder order);
  void Stop();
  // As of the loop's last turn.
  JobReport Report() const;

 private:
  struct Message {
    StreamId stream;
    ToWorker message;
  };
  struct Closed {
    StreamId stream;
    absl::Status why;
  };
  struct Wake {};
  using Event = std::variant<JobOrder, Message, Closed, Executor::Done, Wake>;

  // What other threads may still call into after the runner is gone.
  struct Inbox {
    Mutex mutex;
    CondVar changed;
    std::deque<Event> events ABSL_GUARDED_BY(mutex);
    bool stop ABSL_GUARDED_BY(mutex) = false;

    void Post(Event event);
    void Notify();
  };

  absl::Status Start();
  absl::Status Take(Event event);
  absl::Status Turn();
  absl::Status Do(StepOutput output);
  void Reserve(Node node);
  void Publish();

  const Options options_;
  const JobLayout layout_;
  const std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();
  GradientSetPool pool_;
  GradientReducer reducer_;
  StepMachine machine_;
  std::unique_ptr<ParameterStore> weights_;
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<StreamPool> streams_;
  size_t target_sets_ = 0;  // of the open step's targets
  bool left_ = false;
  double seconds_per_leaf_ = 0;

  mutable Mutex report_mutex_;
  JobReport report_ ABSL_GUARDED_BY(report_mutex_);
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_SERVICE_JOB_RUNNER_H_
