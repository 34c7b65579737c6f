#ifndef BANYAN_TESTS_SIMULATOR_LIFE_H_
#define BANYAN_TESTS_SIMULATOR_LIFE_H_

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "absl/time/time.h"
#include "tests/simulator/event_queue.h"

namespace banyan::simulator {

// One life of a process: what it has set going happens only while it lives, and waits, in order, while it is paused.
// Its wall clock may jump; its monotonic clock may not. Shared by whoever sends to the process. Thread-compatible.
class Life : public std::enable_shared_from_this<Life> {
 public:
  // Simulated time begins at the epoch; clocks of our days do not go back to it, however they jump.
  static constexpr absl::Duration kFiftyYears = absl::Hours(24 * 365 * 50);

  explicit Life(EventQueue* events) : events_(events), began_(events->now()) {}

  bool alive() const { return alive_; }
  void End() {
    alive_ = false;
    waiting_.clear();  // what waits may keep others' memory
  }

  // The process stands still: a slow host.
  void Pause(absl::Duration length) {
    paused_until_ = std::max(paused_until_, events_->now() + length);
    events_->At(paused_until_, [self = shared_from_this()] { self->Resume(); });
  }

  void JumpClock(absl::Duration by) { skew_ += by; }
  absl::Duration Monotonic() const { return events_->now() - began_; }
  // What machines are told: the wall clock when the process began, and from then on the monotonic one.
  absl::Time Steady() const { return began_ + kFiftyYears + Monotonic(); }
  absl::Time Wall() const { return events_->now() + kFiftyYears + skew_; }

  void At(absl::Time time, std::function<void()> event) {
    events_->At(time, [self = shared_from_this(), event = std::move(event)]() mutable {
      if (!self->alive_) return;
      if (self->events_->now() < self->paused_until_ || !self->waiting_.empty()) {
        self->waiting_.push_back(std::move(event));
      } else {
        event();
      }
    });
  }
  void After(absl::Duration delay, std::function<void()> event) { At(events_->now() + delay, std::move(event)); }

 private:
  void Resume() {
    while (alive_ && !waiting_.empty() && events_->now() >= paused_until_) {
      const std::function<void()> event = std::move(waiting_.front());
      waiting_.pop_front();
      event();
    }
  }

  EventQueue* const events_;
  const absl::Time began_;
  bool alive_ = true;
  absl::Time paused_until_ = absl::InfinitePast();
  absl::Duration skew_;
  std::deque<std::function<void()>> waiting_;
};

using LifeRef = std::shared_ptr<Life>;

}  // namespace banyan::simulator

#endif  // BANYAN_TESTS_SIMULATOR_LIFE_H_
