#ifndef BANYAN_SERVER_SERVICE_EXECUTOR_H_
#define BANYAN_SERVER_SERVICE_EXECUTOR_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "common/base/sync.h"

namespace banyan::server {

// One thread that runs tasks in the order in which they were posted. Thread-safe.
class Executor {
 public:
  using Task = absl::AnyInvocable<void()>;

  Executor();
  ~Executor() { Stop(); }
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // Dropped once it is stopped.
  void Post(Task task);

  // Runs what has been posted, then ends the thread. Not from a task; again it does nothing.
  void Stop();

  // Tasks that wait.
  size_t queued() const;

  // To be called now and then: whether it keeps up is seen by when it comes to this.
  void OnTick(absl::Time now);
  // The earliest OnTick that it has not come to, if that is a second before the latest: stuck, or far behind.
  std::optional<absl::Time> behind_since() const;

 private:
  void Run();

  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Time> asked_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace banyan::server

#endif  // BANYAN_SERVER_SERVICE_EXECUTOR_H_
