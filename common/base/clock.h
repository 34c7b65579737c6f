#ifndef BANYAN_COMMON_BASE_CLOCK_H_
#define BANYAN_COMMON_BASE_CLOCK_H_

#include "absl/time/time.h"

namespace banyan {

// Where time comes from. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Never runs backwards; the origin means nothing. For intervals and deadlines.
  virtual absl::Duration Monotonic() const = 0;

  // The time of day, for people and files.
  virtual absl::Time Now() const = 0;
};

// The machine's clocks.
class SystemClock final : public Clock {
 public:
  absl::Duration Monotonic() const override;
  absl::Time Now() const override;
};

// The time of day when it was made, moved on by the monotonic clock: for deadlines that are also told to people. Does not
// jump with the time of day.
class SteadyTime {
 public:
  // `clock` outlives it.
  explicit SteadyTime(const Clock& clock) : clock_(clock), origin_(clock.Now() - clock.Monotonic()) {}
  absl::Time Now() const { return origin_ + clock_.Monotonic(); }

 private:
  const Clock& clock_;
  const absl::Time origin_;
};

// Stands still until told. Not thread-safe.
class FakeClock final : public Clock {
 public:
  absl::Duration Monotonic() const override { return monotonic_; }
  absl::Time Now() const override { return absl::UnixEpoch() + monotonic_; }
  void Advance(absl::Duration by) { monotonic_ += by; }

 private:
  absl::Duration monotonic_ = absl::ZeroDuration();
};

}  // namespace banyan

#endif  // BANYAN_COMMON_BASE_CLOCK_H_
