#ifndef BANYAN_WORKER_CLIENT_AUDIT_LOG_H_
#define BANYAN_WORKER_CLIENT_AUDIT_LOG_H_

#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

#include "common/protocol/session.h"

namespace banyan::worker {

// What a worker computed of audited leaves, for its reports. A report may be lost with its stream, so the first one on
// the next stream tells the last ones again. Holds so many at most; while nobody takes them the oldest are forgotten.
// Thread-compatible.
class AuditLog {
 public:
  static constexpr size_t kMost = 1000;

  void Add(LeafAudit audit) {
    log_.push_back(std::move(audit));
    ++untold_;
    if (log_.size() > kMost) log_.pop_front();
    if (untold_ > log_.size()) untold_ = log_.size();
  }

  // Those that were not told yet; with the `first` report of a stream all.
  std::vector<LeafAudit> Take(bool first) {
    const size_t count = first ? log_.size() : untold_;
    untold_ = 0;
    return std::vector<LeafAudit>(log_.end() - static_cast<std::ptrdiff_t>(count), log_.end());
  }

 private:
  std::deque<LeafAudit> log_;
  size_t untold_ = 0;  // the last ones of the log
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_CLIENT_AUDIT_LOG_H_
