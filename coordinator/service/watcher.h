#ifndef BANYAN_COORDINATOR_SERVICE_WATCHER_H_
#define BANYAN_COORDINATOR_SERVICE_WATCHER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/service/core.h"
#include "proto/client.pb.h"

namespace banyan::coordinator {

// How far somebody who follows a job has been told. Thread-compatible.
class Watcher {
 public:
  explicit Watcher(const v1::WatchRequest& request)
      : request_(request),
        event_(request.after_event()),
        step_(request.after_step()),
        evaluation_(request.after_step()) {}

  // Adds what is new since the last time, a page of it: events, lines, evaluations, logs, and then the summary, which
  // so comes after all that led to it. NOT_FOUND for an unknown job.
  absl::Status Read(Core::State& state, std::vector<v1::JobUpdate>* updates);

  // Whether the page was full.
  bool more() const { return more_; }
  // Whether the job is at rest and all is told.
  bool over() const { return over_; }

 private:
  absl::Status ReadLines(Core::State& state, std::vector<v1::JobUpdate>* updates);

  const v1::WatchRequest request_;
  std::string id_;
  uint64_t event_;
  uint64_t step_;
  uint64_t evaluation_;  // the next one's weights are of this step or a later one
  uint64_t log_ = 0;
  std::string summary_;  // the last that was told
  bool more_ = false;
  bool over_ = false;
};

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_SERVICE_WATCHER_H_
