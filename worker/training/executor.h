#ifndef BANYAN_WORKER_TRAINING_EXECUTOR_H_
#define BANYAN_WORKER_TRAINING_EXECUTOR_H_

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "common/base/sync.h"
#include "worker/device/device.h"
#include "worker/training/action.h"
#include "worker/training/gradient_reducer.h"
#include "worker/training/leaf_worker.h"

namespace banyan::worker {

// Compute threads: each carries out the action list of one leaf at a time, side by side with the others and without a
// word between them. Idle threads sleep. Start and TakeDone: one thread.
class Executor {
 public:
  struct Done {
    Generation generation = 0;
    Step step = 0;
    uint32_t leaf = 0;
    Pass pass = Pass::kTrain;
    double seconds = 0;
    std::vector<uint64_t> fingerprints;  // LeafRun's
    absl::Status status;
  };

  // A thread for each worker. `reducer` outlives the executor; `on_done` is called on compute threads with no lock held
  // and must be quick.
  Executor(std::vector<std::unique_ptr<LeafWorker>> workers, Device& device, GradientReducer& reducer,
           std::function<void()> on_done);
  // Finishes the leaves that are running.
  ~Executor();

  // Threads without a leaf.
  uint32_t idle() const;

  // Layers gone through so far on all threads, forward and backward each: moves on in the middle of a long leaf.
  uint64_t layers_run() const;

  // Begins a leaf on an idle thread; false when there is none, or no gradient set.
  bool Start(Step step, uint32_t leaf, Pass pass, bool fingerprints = false);

  // The leaves finished since the last call; their partials are in the reducer.
  std::vector<Done> TakeDone();

 private:
  struct Thread {
    std::unique_ptr<LeafWorker> worker;
    std::vector<Action> actions;
    Step step = 0;
    LeafRun run;
    bool has_leaf = false;  // guarded by mutex_; the others belong to who has the leaf
    std::jthread thread;
  };

  void Run(Thread& thread);

  Device& device_;
  GradientReducer& reducer_;
  const std::function<void()> on_done_;
  mutable Mutex mutex_;
  CondVar work_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Done> done_ ABSL_GUARDED_BY(mutex_);  // room for one a thread
  std::vector<std::unique_ptr<Thread>> threads_;    // last: they use all of the above
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_TRAINING_EXECUTOR_H_
