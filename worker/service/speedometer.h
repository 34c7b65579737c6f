#ifndef BANYAN_WORKER_SERVICE_SPEEDOMETER_H_
#define BANYAN_WORKER_SERVICE_SPEEDOMETER_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "worker/client/step_types.h"

namespace banyan::worker {

// How fast this worker is, as means that forget: what the coordinator plans by. Told the time, keeps no clock.
// Thread-compatible.
class Speedometer {
 public:
  // `threads`: leaves side by side.
  explicit Speedometer(uint32_t threads) : threads_(threads) {}

  // A leaf of training took so long on its thread. The first step's are not counted: they allocate, and choose kernels.
  void OnLeaf(Generation step, double seconds);

  // Messages to servers, on whatever streams: given to the network, written. Pulls have no bytes.
  void OnSent(size_t bytes, absl::Duration now);
  void OnWritten(absl::Duration now);
  // So many messages will never be written: their stream ended.
  void OnLost(size_t messages, absl::Duration now);
  // A step begins: what was written so far is a sample.
  void OnStep();

  // Seconds that a leaf takes of this worker's time while every thread has one. 0: not known yet.
  double seconds_per_leaf() const { return leaf_.value / threads_; }
  // Seconds that a byte takes while there are bytes to be written; streams work side by side. 0: not known yet.
  double seconds_per_byte() const { return byte_.value; }

 private:
  struct Average {
    double value = 0;
    void Add(double sample) { value = value == 0 ? sample : value + (sample - value) / 8; }
  };

  void Settle(absl::Duration now);

  const uint32_t threads_;
  Average leaf_;  // a sample a step: its leaves' mean
  Average byte_;
  Generation first_ = 0;
  Generation step_ = 0;
  double step_seconds_ = 0;
  uint32_t step_leaves_ = 0;

  size_t under_way_ = 0;  // messages
  absl::Duration busy_since_;
  absl::Duration busy_;
  size_t bytes_ = 0;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_SERVICE_SPEEDOMETER_H_
