#include "server/service/executor.h"

#include <utility>

namespace banyan::server {
namespace {

constexpr absl::Duration kBehind = absl::Seconds(1);

}  // namespace

Executor::Executor() : thread_([this] { Run(); }) {}

void Executor::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.Signal();
  }
  if (thread_.joinable()) thread_.join();
}

void Executor::Post(Task task) {
  MutexLock lock(mutex_);
  if (stopped_) return;
  tasks_.push_back(std::move(task));
  if (tasks_.size() == 1) changed_.Signal();
}

size_t Executor::queued() const {
  MutexLock lock(mutex_);
  return tasks_.size();
}

void Executor::OnTick(absl::Time now) {
  {
    MutexLock lock(mutex_);
    now_ = now;
    if (asked_.has_value()) return;
    asked_ = now;
  }
  Post([this] {
    MutexLock lock(mutex_);
    asked_.reset();
  });
}

std::optional<absl::Time> Executor::behind_since() const {
  MutexLock lock(mutex_);
  return asked_.has_value() && now_ - *asked_ >= kBehind ? asked_ : std::nullopt;
}

void Executor::Run() {
  while (true) {
    Task task;
    {
      MutexLock lock(mutex_);
      while (tasks_.empty() && !stopping_) changed_.Wait(mutex_);
      if (tasks_.empty()) {
        stopped_ = true;
        return;
      }
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

}  // namespace banyan::server
