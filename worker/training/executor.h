#ifndef BANYAN_WORKER_TRAINING_EXECUTOR_H_
#define BANYAN_WORKER_TRAINING_EXECUTOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/sync.h"
#include "common/data/sample_order.h"
#include "common/job/job_plan.h"
#include "worker/compute/lane.h"
#include "worker/data/dataset.h"
#include "worker/device/device.h"
#include "worker/training/gradient_reducer.h"
#include "worker/training/job_layout.h"
#include "worker/training/parameter_store.h"

namespace banyan::worker {

// A worker's compute threads: each runs whole leaves, one after the other (read the samples, forward, backward), and
// delivers gradients to the reducer while backward runs. An idle thread sleeps. After its first leaf of a size a thread
// allocates nothing.
class Executor {
 public:
  struct Options {
    const JobPlan* plan = nullptr;
    const JobLayout* layout = nullptr;
    const Dataset* data = nullptr;
    const ParameterStore* weights = nullptr;
    GradientReducer* reducer = nullptr;
    Device* device = nullptr;
    OperatorFactory* factory = nullptr;
    const Clock* clock = nullptr;
    uint32_t lanes = 1;  // threads: leaves side by side
  };

  struct Done {
    ComputeLeaf leaf;
    double seconds = 0;
    absl::Status status;  // not OK: nothing of the leaf may be used
  };

  // Everything in `options` outlives the executor. `on_done` is called on compute threads and must be quick.
  static absl::StatusOr<std::unique_ptr<Executor>> Create(const Options& options,
                                                          std::function<void(const Done&)> on_done);
  // Waits for the leaves under way.
  ~Executor();

  // Threads that have no leaf.
  uint32_t idle() const;
  // Computes a leaf on an idle thread. False when no gradient set is free. For one thread, the reducer's.
  bool Start(const ComputeLeaf& leaf);

 private:
  struct Worker {
    std::unique_ptr<Lane> lane;
    std::vector<std::byte> input;
    std::vector<std::byte> targets;
    std::vector<uint64_t> samples;
    LeafRun run;
    ComputeLeaf leaf;
    bool busy = false;
  };

  Executor(const Options& options, std::function<void(const Done&)> on_done);

  void Loop(size_t index);
  absl::Status Compute(Worker& worker);
  absl::Status Train(Worker& worker);
  absl::Status Evaluate(Worker& worker);
  LeafData Load(Worker& worker, uint64_t samples) const;

  const Options options_;
  const std::function<void(const Done&)> on_done_;
  const SampleOrder order_;
  mutable Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::unique_ptr<Worker>> workers_;  // `busy` and `leaf` under the mutex
  std::vector<std::jthread> threads_;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_TRAINING_EXECUTOR_H_
