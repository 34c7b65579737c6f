#ifndef BANYAN_WORKER_TRAINING_GRADIENT_SET_H_
#define BANYAN_WORKER_TRAINING_GRADIENT_SET_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/base/sync.h"
#include "common/tensor/payload.h"

namespace banyan::worker {

// The gradients of one leaf, or of a node that leaf is the first of: one contiguous run of floats for each use of each
// parameter, side by side in one piece of memory.
class GradientSet {
 public:
  std::span<float> floats() { return floats_; }

 private:
  friend class GradientSetPool;
  std::unique_ptr<std::byte[]> memory_;
  std::span<float> floats_;  // aligned to 64 bytes
  std::atomic<uint32_t> references_ = 0;
};

// Gradient sets that are used again once nothing refers to them: no leaf that writes, no partial that lies in them, no
// message on its way. Memory is taken when a set is first used, so a high limit costs nothing. Thread-safe.
class GradientSetPool {
 public:
  GradientSetPool(size_t floats, size_t limit);

  // Raises the limit; never lowers it.
  void Reserve(size_t limit);

  // Sets that Acquire can still give.
  size_t free() const;
  // Sets that memory was taken for.
  size_t allocated() const;

  // A set with one reference and undefined content; null when none is free.
  GradientSet* Acquire();

  void Reference(GradientSet* set) { set->references_.fetch_add(1, std::memory_order_relaxed); }
  void Release(GradientSet* set) { state_->Release(set); }

  // One reference of `set`, which passes to what comes back; that may outlive the pool.
  std::shared_ptr<const void> Own(GradientSet* set);

 private:
  // Shared with messages that the network still holds.
  struct State {
    void Release(GradientSet* set);

    mutable Mutex mutex;
    size_t limit ABSL_GUARDED_BY(mutex) = 0;
    std::vector<std::unique_ptr<GradientSet>> sets ABSL_GUARDED_BY(mutex);
    std::vector<GradientSet*> free ABSL_GUARDED_BY(mutex);
  };

  const size_t floats_;
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_TRAINING_GRADIENT_SET_H_
