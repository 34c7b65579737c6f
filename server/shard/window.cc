#include "server/shard/window.h"

#include <algorithm>

#include "common/base/check.h"

namespace banyan::server {

Window::Window(size_t positions, size_t pool_buffers) : pool_buffers_(pool_buffers), complete_(positions, false) {
  Start(1);
}

void Window::Start(uint32_t max_pending) {
  max_pending_ = max_pending;
  capacity_ = std::max(pool_buffers_, reserved());
  complete_.assign(complete_.size(), false);
  lo_ = 0;
  end_ = 0;
  Advance();
}

void Window::SetMaxPending(uint32_t max_pending) {
  if (max_pending <= max_pending_) return;
  max_pending_ = max_pending;
  capacity_ = std::max(capacity_, (end_ - std::min(lo_, end_)) * reserved());
}

void Window::Complete(size_t position) {
  CHECK_LT(position, complete_.size());
  complete_[position] = true;
  Advance();
}

void Window::Advance() {
  while (lo_ < complete_.size() && complete_[lo_]) ++lo_;
  // From the pool's configured size, not from a capacity that grew within the step.
  const size_t width = reserved() == 0 ? complete_.size() : std::max<size_t>(1, pool_buffers_ / reserved());
  end_ = std::max(end_, std::min(complete_.size(), lo_ + width));
}

}  // namespace banyan::server
