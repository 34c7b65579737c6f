#ifndef BANYAN_COORDINATOR_SERVICE_OUTBOX_H_
#define BANYAN_COORDINATOR_SERVICE_OUTBOX_H_

#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "common/base/sync.h"
#include "proto/cluster.pb.h"

namespace banyan::coordinator {

// The command that a session has to send. Commands are whole, so only the newest counts. Thread-safe.
class Outbox {
 public:
  // No effect when it is what was put last.
  void Put(v1::Command command) {
    std::string bytes = command.SerializeAsString();
    MutexLock lock(mutex_);
    if (bytes == last_) return;
    last_ = std::move(bytes);
    next_ = std::move(command);
    changed_.Signal();
  }

  void Close() {
    MutexLock lock(mutex_);
    closed_ = true;
    changed_.Signal();
  }

  // Waits for a command; nothing once closed.
  std::optional<v1::Command> Take() {
    MutexLock lock(mutex_);
    while (!next_.has_value() && !closed_) changed_.Wait(mutex_);
    if (closed_) return std::nullopt;
    return std::exchange(next_, std::nullopt);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::string last_ ABSL_GUARDED_BY(mutex_);
  std::optional<v1::Command> next_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_SERVICE_OUTBOX_H_
