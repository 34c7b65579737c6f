#ifndef BANYAN_CLI_FOLLOW_UPDATE_QUEUE_H_
#define BANYAN_CLI_FOLLOW_UPDATE_QUEUE_H_

#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cli/client/jobs_client.h"
#include "common/base/sync.h"

namespace banyan::cli {

// Reads a stream on a thread of its own, so that its reader can look at other things between updates. One caller.
class UpdateQueue {
 public:
  explicit UpdateQueue(std::unique_ptr<UpdateStream> stream)
      : stream_(std::move(stream)), reader_([this] { ReadAll(); }) {}

  ~UpdateQueue() { stream_->Cancel(); }

  // All that has come; waits up to `timeout` for the first of it or for the stream's end.
  std::vector<v1::JobUpdate> Take(absl::Duration timeout) {
    MutexLock lock(mutex_);
    if (updates_.empty() && !end_) changed_.WaitFor(mutex_, timeout);
    return std::exchange(updates_, {});
  }

  // How the stream ended; absent while it goes on or while there is something left to take.
  std::optional<absl::Status> end() {
    MutexLock lock(mutex_);
    return updates_.empty() ? end_ : std::nullopt;
  }

 private:
  void ReadAll() {
    v1::JobUpdate update;
    while (stream_->Read(&update)) {
      MutexLock lock(mutex_);
      updates_.push_back(std::move(update));
      changed_.Signal();
      update.Clear();
    }
    absl::Status status = stream_->Finish();
    MutexLock lock(mutex_);
    end_ = std::move(status);
    changed_.Signal();
  }

  const std::unique_ptr<UpdateStream> stream_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<v1::JobUpdate> updates_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  std::jthread reader_;  // last: joined before the rest goes
};

}  // namespace banyan::cli

#endif  // BANYAN_CLI_FOLLOW_UPDATE_QUEUE_H_
