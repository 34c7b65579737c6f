#include "worker/training/executor.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/base/check.h"

namespace banyan::worker {

Executor::Executor(std::vector<std::unique_ptr<LeafWorker>> workers, Device& device, GradientReducer& reducer,
                   std::function<void()> on_done)
    : device_(device), reducer_(reducer), on_done_(std::move(on_done)) {
  done_.reserve(workers.size());
  for (std::unique_ptr<LeafWorker>& worker : workers) {
    threads_.push_back(std::make_unique<Thread>());
    threads_.back()->worker = std::move(worker);
  }
  for (const auto& thread : threads_) thread->thread = std::jthread([this, &thread = *thread] { Run(thread); });
}

Executor::~Executor() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    work_.SignalAll();
  }
  for (const auto& thread : threads_) thread->thread.join();
}

uint32_t Executor::idle() const {
  MutexLock lock(mutex_);
  // One whose leaf is done and not taken yet still counts as busy: `done_` has room for one a thread.
  const auto busy =
      std::count_if(threads_.begin(), threads_.end(), [](const auto& thread) { return thread->has_leaf; });
  return static_cast<uint32_t>(threads_.size() - static_cast<size_t>(busy) - done_.size());
}

uint64_t Executor::layers_run() const {
  uint64_t layers = 0;
  for (const auto& thread : threads_) layers += thread->worker->layers_run();
  return layers;
}

bool Executor::Start(Step step, uint32_t leaf, Pass pass, bool fingerprints) {
  if (idle() == 0) return false;
  MutexLock lock(mutex_);
  const auto found = std::find_if(threads_.begin(), threads_.end(), [](const auto& one) { return !one->has_leaf; });
  Thread& thread = **found;
  if (!reducer_.Start(leaf, pass, thread.run, fingerprints)) return false;
  Schedule schedule = MakeSingleStage(pass, std::span(&leaf, 1));
  thread.actions = std::move(schedule.front());
  thread.step = step;
  thread.has_leaf = true;
  work_.SignalAll();
  return true;
}

std::vector<Executor::Done> Executor::TakeDone() {
  std::vector<Done> taken;
  taken.reserve(threads_.size());
  MutexLock lock(mutex_);
  std::swap(taken, done_);
  return taken;
}

void Executor::Run(Thread& thread) {
  device_.EnterComputeThread();
  while (true) {
    {
      MutexLock lock(mutex_);
      while (!thread.has_leaf && !stopping_) work_.Wait(mutex_);
      if (!thread.has_leaf) return;
    }
    const auto begin = std::chrono::steady_clock::now();
    const absl::Status status = thread.worker->Run(thread.actions, thread.step, thread.run);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    if (!status.ok()) reducer_.Abandon(thread.run);
    {
      MutexLock lock(mutex_);
      thread.has_leaf = false;
      done_.push_back({.generation = thread.run.generation,
                       .step = thread.step,
                       .leaf = thread.run.leaf,
                       .pass = thread.run.pass,
                       .seconds = seconds.count(),
                       .fingerprints = std::move(thread.run.fingerprints),
                       .status = status});
    }
    on_done_();
  }
}

}  // namespace banyan::worker
