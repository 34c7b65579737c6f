#ifndef BANYAN_COORDINATOR_JOBS_PROGRESS_H_
#define BANYAN_COORDINATOR_JOBS_PROGRESS_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/time/time.h"

namespace banyan::coordinator {

// Whether a job gets anywhere. What its processes count of work that is done once is progress: leaves, partials that
// servers took, chunks that were updated, layers of a long leaf, weights on their way to a worker that lacks them.
// What can repeat for ever is none: pushes that are refused, leaves that are computed again, a worker that comes and
// dies. Times are monotonic. Thread-compatible.
class Progress {
 public:
  explicit Progress(absl::Duration now) : at_(now) {}

  // Something was done that is seen without counters: a line, a checkpoint, another state.
  void Made(absl::Duration now);
  // What a process has counted so far. `model_bytes`: pulling more than that without any other progress is none.
  void Hear(const std::string& process, const std::map<std::string, uint64_t>& counters, uint64_t model_bytes,
            absl::Duration now);

  absl::Duration Quiet(absl::Duration now) const { return now - at_; }
  // What goes on all the same, the most first: "server-0 counts 512 partials_refused more". Empty: nothing.
  std::string Meanwhile() const;

 private:
  using Counters = std::map<std::string, uint64_t>;
  struct Process {
    Counters now;
    Counters then;       // at the last progress that can be made only once
    uint64_t as_of = 0;  // which that was
  };

  absl::Duration at_;
  uint64_t made_ = 0;
  std::map<std::string, Process> processes_;
};

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_JOBS_PROGRESS_H_
