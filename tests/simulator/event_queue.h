#ifndef BANYAN_TESTS_SIMULATOR_EVENT_QUEUE_H_
#define BANYAN_TESTS_SIMULATOR_EVENT_QUEUE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <utility>

#include "absl/time/time.h"

namespace banyan::simulator {

// Simulated time and its randomness: everything that happens in a simulated cluster is an event here, and two runs of
// one seed are the same run. Thread-compatible.
class EventQueue {
 public:
  explicit EventQueue(uint64_t seed) : random_(seed) {}

  absl::Time now() const { return now_; }
  bool empty() const { return events_.empty(); }
  uint64_t count() const { return count_; }

  void At(absl::Time time, std::function<void()> event) {
    events_.emplace(std::pair(std::max(time, now_), count_++), std::move(event));
  }
  void After(absl::Duration delay, std::function<void()> event) { At(now_ + delay, std::move(event)); }

  // Runs the next event.
  void Step() {
    auto node = events_.extract(events_.begin());
    now_ = node.key().first;
    node.mapped()();
  }

  // [0, n)
  uint32_t Draw(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  bool Chance(double probability) { return static_cast<double>(random_() >> 11) * 0x1p-53 < probability; }
  // Up to `most`, mostly short.
  absl::Duration Delay(absl::Duration most) {
    const double x = static_cast<double>(random_() >> 11) * 0x1p-53;
    return most * (x * x);
  }

 private:
  std::mt19937_64 random_;
  absl::Time now_ = absl::UnixEpoch();
  uint64_t count_ = 0;
  std::map<std::pair<absl::Time, uint64_t>, std::function<void()>> events_;
};

}  // namespace banyan::simulator

#endif  // BANYAN_TESTS_SIMULATOR_EVENT_QUEUE_H_
