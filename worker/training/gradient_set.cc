#include "worker/training/gradient_set.h"

#include <algorithm>

#include "common/base/check.h"

namespace banyan::worker {
namespace {

constexpr size_t kAlignment = 64;

}  // namespace

GradientSetPool::GradientSetPool(size_t floats, size_t limit) : floats_(floats), limit_(limit) {}

GradientSetPool::~GradientSetPool() {
  MutexLock lock(mutex_);
  CHECK_EQ(free_.size(), sets_.size());
}

void GradientSetPool::Reserve(size_t limit) {
  MutexLock lock(mutex_);
  limit_ = std::max(limit_, limit);
  sets_.reserve(limit_);
  free_.reserve(limit_);
}

size_t GradientSetPool::free() const {
  MutexLock lock(mutex_);
  return limit_ - sets_.size() + free_.size();
}

size_t GradientSetPool::allocated() const {
  MutexLock lock(mutex_);
  return sets_.size();
}

GradientSet* GradientSetPool::Acquire() {
  MutexLock lock(mutex_);
  if (free_.empty()) {
    if (sets_.size() == limit_) return nullptr;
    auto set = std::make_unique<GradientSet>();
    const size_t bytes = floats_ * sizeof(float);
    set->memory_ = std::make_unique_for_overwrite<std::byte[]>(bytes + kAlignment);
    void* start = set->memory_.get();
    size_t space = bytes + kAlignment;
    CHECK(std::align(kAlignment, bytes, start, space) != nullptr);
    set->floats_ = {static_cast<float*>(start), floats_};
    free_.push_back(set.get());
    sets_.push_back(std::move(set));
  }
  // The last one given back: its memory is the warmest.
  GradientSet* set = free_.back();
  free_.pop_back();
  set->references_.store(1, std::memory_order_relaxed);
  return set;
}

void GradientSetPool::Release(GradientSet* set) {
  if (set->references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  MutexLock lock(mutex_);
  free_.push_back(set);
}

std::shared_ptr<const void> GradientSetPool::Own(GradientSet* set) {
  return std::shared_ptr<const void>(set, [this, set](const void*) { Release(set); });
}

}  // namespace banyan::worker
