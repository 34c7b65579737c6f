#ifndef BANYAN_SERVER_SERVICE_EXECUTOR_H_
#define BANYAN_SERVER_SERVICE_EXECUTOR_H_

#include <cstddef>
#include <deque>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "common/base/sync.h"

namespace banyan::server {

// One thread that runs tasks in the order in which they were posted. Thread-safe.
class Executor {
 public:
  using Task = absl::AnyInvocable<void()>;

  Executor();
  // Runs what has been posted, then ends the thread.
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  void Post(Task task);

  // Tasks that wait.
  size_t queued() const;

 private:
  void Run();

  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace banyan::server

#endif  // BANYAN_SERVER_SERVICE_EXECUTOR_H_
