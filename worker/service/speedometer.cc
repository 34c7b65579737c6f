#include "worker/service/speedometer.h"

#include <algorithm>
#include <utility>

namespace banyan::worker {

void Speedometer::OnLeaf(Generation step, double seconds) {
  if (first_ == 0) first_ = step;
  if (step == first_ || step < step_) return;
  if (step != step_) {
    if (step_leaves_ > 0) leaf_.Add(step_seconds_ / step_leaves_);
    step_ = step;
    step_seconds_ = 0;
    step_leaves_ = 0;
  }
  step_seconds_ += seconds;
  ++step_leaves_;
}

void Speedometer::OnSent(size_t bytes, absl::Duration now) {
  if (under_way_++ == 0) busy_since_ = now;
  bytes_ += bytes;
}

void Speedometer::OnWritten(absl::Duration now) { OnLost(1, now); }

void Speedometer::OnLost(size_t messages, absl::Duration now) {
  const size_t done = std::min(messages, under_way_);
  if (done == 0) return;
  Settle(now);
  under_way_ -= done;
}

// Writers tell the time at which they wrote, so it may be a little behind.
void Speedometer::Settle(absl::Duration now) {
  if (now <= busy_since_) return;
  busy_ += now - busy_since_;
  busy_since_ = now;
}

void Speedometer::OnStep() {
  const size_t bytes = std::exchange(bytes_, 0);
  const absl::Duration busy = std::exchange(busy_, absl::ZeroDuration());
  if (bytes > 0) byte_.Add(absl::ToDoubleSeconds(busy) / static_cast<double>(bytes));
}

}  // namespace banyan::worker
