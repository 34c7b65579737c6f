#include "worker/device/device.h"

#include "common/base/check.h"

namespace banyan::worker {

bool Event::Happened() const { return stream_ == nullptr || stream_->Happened(ticket_); }

void Event::Wait() const {
  if (stream_ != nullptr) stream_->Wait(ticket_);
}

Buffer::~Buffer() {
  if (device_ != nullptr) device_->Free(data_, bytes_);
}

View Buffer::view(DType dtype, int64_t offset, int64_t size) const {
  CHECK_EQ(offset % SizeOf(dtype), 0);
  CHECK_LE(offset + size * SizeOf(dtype), bytes_);
  return View(data_ + offset, dtype, size);
}

}  // namespace banyan::worker
