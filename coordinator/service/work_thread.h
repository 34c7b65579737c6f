#ifndef BANYAN_COORDINATOR_SERVICE_WORK_THREAD_H_
#define BANYAN_COORDINATOR_SERVICE_WORK_THREAD_H_

#include <deque>
#include <functional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "common/base/sync.h"

namespace banyan::coordinator {

// Runs tasks one after the other on a thread of its own. Thread-safe.
class WorkThread {
 public:
  WorkThread() : thread_([this] { Run(); }) {}
  // Finishes the task under way; those that wait are dropped.
  ~WorkThread() {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }

  void Post(std::function<void()> task) {
    MutexLock lock(mutex_);
    tasks_.push_back(std::move(task));
    changed_.Signal();
  }

 private:
  void Run() {
    while (true) {
      std::function<void()> task;
      {
        MutexLock lock(mutex_);
        while (tasks_.empty() && !stopping_) changed_.Wait(mutex_);
        if (stopping_) return;
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
      task();
    }
  }

  Mutex mutex_;
  CondVar changed_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_SERVICE_WORK_THREAD_H_
