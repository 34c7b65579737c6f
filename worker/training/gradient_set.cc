#include "worker/training/gradient_set.h"

#include <algorithm>

#include "common/base/check.h"

namespace banyan::worker {
namespace {

constexpr size_t kAlignment = 64;

}  // namespace

GradientSetPool::GradientSetPool(size_t floats, size_t limit) : floats_(floats) { Reserve(limit); }

void GradientSetPool::Reserve(size_t limit) {
  MutexLock lock(state_->mutex);
  state_->limit = std::max(state_->limit, limit);
  state_->sets.reserve(state_->limit);
  state_->free.reserve(state_->limit);
}

size_t GradientSetPool::free() const {
  MutexLock lock(state_->mutex);
  return state_->limit - state_->sets.size() + state_->free.size();
}

size_t GradientSetPool::allocated() const {
  MutexLock lock(state_->mutex);
  return state_->sets.size();
}

GradientSet* GradientSetPool::Acquire() {
  MutexLock lock(state_->mutex);
  if (state_->free.empty()) {
    if (state_->sets.size() == state_->limit) return nullptr;
    auto set = std::make_unique<GradientSet>();
    const size_t bytes = floats_ * sizeof(float);
    set->memory_ = std::make_unique_for_overwrite<std::byte[]>(bytes + kAlignment);
    void* start = set->memory_.get();
    size_t space = bytes + kAlignment;
    CHECK(std::align(kAlignment, bytes, start, space) != nullptr);
    set->floats_ = {static_cast<float*>(start), floats_};
    state_->free.push_back(set.get());
    state_->sets.push_back(std::move(set));
  }
  // The last one given back: its memory is the warmest.
  GradientSet* set = state_->free.back();
  state_->free.pop_back();
  set->references_.store(1, std::memory_order_relaxed);
  return set;
}

void GradientSetPool::State::Release(GradientSet* set) {
  if (set->references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  MutexLock lock(mutex);
  free.push_back(set);
}

std::shared_ptr<const void> GradientSetPool::Own(GradientSet* set) {
  return std::shared_ptr<const void>(set, [state = state_, set](const void*) { state->Release(set); });
}

}  // namespace banyan::worker
