#ifndef BANYAN_WORKER_SERVICE_LOG_OUTBOX_H_
#define BANYAN_WORKER_SERVICE_LOG_OUTBOX_H_

#include <cstddef>
#include <deque>

#include "absl/base/thread_annotations.h"
#include "common/base/sync.h"
#include "common/logging/logging.h"
#include "proto/cluster.pb.h"

namespace banyan::worker {

// Log lines on their way to the coordinator: the newest thousand, should it be away. Thread-safe.
class LogOutbox {
 public:
  void Add(const log::Line& line) {
    MutexLock lock(mutex_);
    if (lines_.size() == kMaxLines) lines_.pop_front();
    lines_.push_back(line);
  }

  // Appends all lines to the report, which names the process, and forgets them.
  void MoveTo(v1::Report& report) {
    MutexLock lock(mutex_);
    for (const log::Line& line : lines_) {
      v1::LogLine& out = *report.add_logs();
      out.set_time(absl::ToDoubleSeconds(line.time - absl::UnixEpoch()));
      const std::string_view severity = log::SeverityName(line.severity);
      out.set_severity(severity.data(), severity.size());
      out.set_process(report.process().name());
      out.set_text(line.text);
    }
    lines_.clear();
  }

 private:
  static constexpr size_t kMaxLines = 1000;

  Mutex mutex_;
  std::deque<log::Line> lines_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_SERVICE_LOG_OUTBOX_H_
