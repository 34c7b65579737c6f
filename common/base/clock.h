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
