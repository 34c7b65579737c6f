#ifndef BANYAN_WORKER_SERVICE_STEP_LOOP_H_
#define BANYAN_WORKER_SERVICE_STEP_LOOP_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/sync.h"
#include "common/job/job_plan.h"
#include "common/protocol/session.h"
#include "worker/client/audit_log.h"
#include "worker/client/exchange_client.h"
#include "worker/client/step_machine.h"
#include "worker/data/dataset.h"
#include "worker/device/device.h"
#include "worker/layers/operator.h"
#include "worker/service/speedometer.h"
#include "worker/training/executor.h"
#include "worker/training/gradient_reducer.h"
#include "worker/training/set_layout.h"
#include "worker/training/weight_store.h"

namespace banyan {
class Connector;
}  // namespace banyan

namespace banyan::worker {

// A worker's part in one job, running: the step machine and everything it speaks to, with the one thread (the caller of
// Run) that owns them. Compute threads and gRPC's threads only leave word for it.
class StepLoop {
 public:
  struct Options {
    std::string job;  // id
    WorkerId worker;
    Incarnation incarnation;
    uint32_t threads = 1;  // leaves side by side
    CpuLevel level = CpuLevel::kSse2;
    double audit = 0;  // run.audit: the share of leaves that is audited
    // Called on Run's thread when a report has news that the coordinator ought to hear soon.
    std::function<void()> on_news;
  };

  // All outlive the loop.
  struct Needs {
    const JobPlan* plan = nullptr;
    const Dataset* data = nullptr;
    Device* device = nullptr;
    OperatorFactory* factory = nullptr;
    Connector* connector = nullptr;
    const Clock* clock = nullptr;
  };

  static absl::StatusOr<std::unique_ptr<StepLoop>> Create(Options options, const Needs& needs);
  ~StepLoop();

  // Returns when the job is over for this worker, was left (Leave), or cannot go on here, with the reason.
  absl::Status Run();

  // ---- From any thread.
  void OnOrder(JobOrder order);
  void Leave();
  JobReport Report() const;
  // Audited leaves computed since the last call.
  // `first`: for the first report of a stream.
  std::vector<LeafAudit> TakeAudits(bool first);

 private:
  struct Received {
    StreamId stream;
    absl::StatusOr<ToWorker> message;
  };
  struct Written {
    StreamId stream;
    absl::Duration at;  // of the clock's Monotonic
  };
  struct Closed {
    StreamId stream;
    absl::Status status;
  };
  struct Left {};
  using Event = std::variant<JobOrder, Received, Written, Closed, Left>;

  StepLoop(Options options, const Needs& needs);

  void Post(Event event);
  // Wakes the loop only when there is something to do about it: for every other message of many.
  void PostWritten(const Written& written, bool last);
  void Wake();
  // Events since the last call; waits for some, a finished leaf or partial, or the tick.
  std::vector<Event> NextEvents();

  void Take(JobOrder& order) { machine_.OnOrder(order); }
  void Take(Received& received);
  void Take(Written& written);
  void Take(Closed& closed);
  void Take(Left&) { left_ = true; }
  void TakeFinishedLeaves();

  void Advance();
  void Do(OpenStream& open) { exchange_->Open(open); }
  void Do(CloseStream& close);
  void Do(Send& send);
  void Do(BeginStep& begin);
  void Do(AddTarget& add);
  void Do(SplitTarget& split);
  void Do(DropTarget& drop) { reducer_->DropTarget(drop.pass, drop.node); }
  void Do(ComputeLeaf& compute);
  void Do(Install& install);
  void Do(banyan::worker::Leave&) { left_ = true; }

  void ReserveSets();
  void UpdateReport();

  const Options options_;
  const Needs needs_;
  const SteadyTime time_;
  const SetLayout layout_;
  StepMachine machine_;
  std::unique_ptr<GradientSetPool> pool_;
  std::unique_ptr<GradientReducer> reducer_;
  std::unique_ptr<WeightStore> weights_;
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<ExchangeClient> exchange_;

  // Of Run's thread.
  bool left_ = false;
  absl::Status failure_;
  uint32_t targets_ = 0;  // of the open step
  bool audited_ = false;  // something that the coordinator is to hear of soon
  Speedometer speed_;
  std::map<StreamId, size_t> sending_;  // messages that are not written yet
  absl::Duration reported_at_ = -absl::InfiniteDuration();

  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<Event> events_ ABSL_GUARDED_BY(mutex_);
  uint32_t written_ ABSL_GUARDED_BY(mutex_) = 0;  // of those, Written
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;  // a leaf is computed or a partial ready
  JobReport report_ ABSL_GUARDED_BY(mutex_);
  AuditLog audits_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_SERVICE_STEP_LOOP_H_
