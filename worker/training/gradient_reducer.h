#ifndef BANYAN_WORKER_TRAINING_GRADIENT_REDUCER_H_
#define BANYAN_WORKER_TRAINING_GRADIENT_REDUCER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "common/base/sync.h"
#include "common/cpu/cpu_level.h"
#include "common/tree/tree.h"
#include "worker/client/step_types.h"
#include "worker/training/gradient_set.h"

namespace banyan::worker {

// Where a job's (chunk, use) positions lie in a gradient set. All counts are floats.
struct GradientLayout {
  struct Piece {
    size_t set_offset = 0;
    size_t chunk_offset = 0;
    size_t size = 0;
  };
  struct Position {
    size_t size = 0;            // of the chunk, gaps between pieces included
    std::vector<Piece> pieces;  // by chunk_offset; gaps are zero
  };

  size_t set_size = 0;
  std::vector<Position> positions;
};

// A leaf that is being computed: written by its compute thread, given to the reducer with every delivery.
struct LeafRun {
  Generation generation = 0;
  uint32_t leaf = 0;
  Pass pass = Pass::kTrain;
  GradientSet* set = nullptr;  // null for kEvaluate
  double weight = 0;           // to be set before the first delivery
  double loss = 0;
  std::vector<bool> delivered;  // by position
  // XXH3 of each position's gradient, then of weight and loss; empty where nobody asked for them.
  std::vector<uint64_t> fingerprints;
};

// Where a worker's compute threads meet: sums the gradients of its leaves up the canonical tree, one chunk at a time as
// backward completes them, on the thread that delivers them and so while they are in its cache. Joins stop at the
// targets; a target's partial is handed out without a copy. The sum of a node lies in the set of its first leaf, so a
// run of m leaves on T threads takes at most 1 + log2(m) + T sets.
//
// Begin, AddTarget, SplitTarget, DropTarget, Start and TakeReady: one thread. Deliver and Finish: any thread, one at a
// time for one run. Neither allocates once every target has been complete once.
class GradientReducer {
 public:
  struct Options {
    uint32_t leaves = 1;
    GradientLayout layout;
    CpuLevel cpu_level = CpuLevel::kSse2;
    // Called on a compute thread after a partial got ready, with no lock held. May be empty.
    std::function<void()> on_ready = {};
  };

  // `pool`, of sets of layout.set_size floats, must outlive the reducer.
  GradientReducer(Options options, GradientSetPool* pool);
  ~GradientReducer();

  // Forgets everything; what runs of an earlier generation deliver is dropped.
  void Begin(Generation generation);
  void AddTarget(Pass pass, Node node);
  // What is stored lies inside the parts; a part that is complete is ready at once.
  void SplitTarget(Pass pass, Node node, const std::vector<Node>& parts);
  // No leaf of it is running.
  void DropTarget(Pass pass, Node node);

  // Makes `run` (whose memory is used again) the run of a leaf. kTrain and kAudit take a set; false when none is free.
  // `fingerprints`: whether the leaf's gradient is to be hashed as it is delivered. What kAudit delivers is in no sum.
  bool Start(uint32_t leaf, Pass pass, LeafRun& run, bool fingerprints = false);

  // The gradient of `position` is complete in run.set. Once a position and run.
  void Deliver(LeafRun& run, uint32_t position);
  // The leaf is computed: what was not delivered counts as +0; gives up the set. kEvaluate delivers here.
  void Finish(LeafRun& run);
  // The leaf failed: gives up the set. What was delivered of it may be in sums; the step is of no use any more.
  void Abandon(LeafRun& run);

  // Partials that got ready since the last call, in that order.
  std::vector<PartialReady> TakeReady();

 private:
  // A sum over a node's leaves; holds a reference of its set.
  struct Sum {
    Node node;
    GradientSet* set = nullptr;
    double weight = 0;
    double loss = 0;
  };
  // One gradient tree.
  struct Trunk {
    Mutex mutex;
    Generation generation ABSL_GUARDED_BY(mutex) = 0;
    std::vector<Node> targets ABSL_GUARDED_BY(mutex);
    std::vector<Sum> stored ABSL_GUARDED_BY(mutex);  // no two are siblings
  };
  struct Ready {
    Generation generation = 0;
    Pass pass = Pass::kTrain;
    uint32_t position = 0;
    Sum sum;
  };

  uint64_t Fingerprint(uint32_t position, GradientSet& set) const;
  std::span<Trunk> TrunksOf(Pass pass);
  void Climb(Generation generation, Pass pass, uint32_t position, Sum sum);
  void Join(uint32_t position, Sum& left, Sum& right);
  void Announce(Ready ready);
  void Drop(Sum& sum);
  Payload View(uint32_t position, GradientSet* set) const;

  const Options options_;
  const Tree tree_;
  GradientSetPool* const pool_;
  Generation generation_ = 0;
  std::unique_ptr<Trunk[]> trunks_;  // by position; the evaluation chunk's last
  Mutex ready_mutex_;
  std::vector<Ready> ready_ ABSL_GUARDED_BY(ready_mutex_);
  std::vector<Ready> taken_;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_TRAINING_GRADIENT_REDUCER_H_
