#ifndef BANYAN_SERVER_SERVICE_LOG_OUTBOX_H_
#define BANYAN_SERVER_SERVICE_LOG_OUTBOX_H_

#include <cstddef>
#include <deque>

#include "absl/base/thread_annotations.h"
#include "common/base/sync.h"
#include "common/logging/logging.h"
#include "proto/cluster.pb.h"

namespace banyan::server {

// Log lines on their way to the coordinator: the newest thousand, should it be away. Thread-safe.
class LogOutbox {
 public:
  void Add(const log::Line& line);

  // Appends all lines to the report, which names the process, and forgets them.
  void MoveTo(v1::Report& report);

 private:
  static constexpr size_t kMaxLines = 1000;

  Mutex mutex_;
  std::deque<log::Line> lines_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banyan::server

#endif  // BANYAN_SERVER_SERVICE_LOG_OUTBOX_H_
