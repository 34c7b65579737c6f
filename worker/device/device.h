#ifndef BANYAN_WORKER_DEVICE_DEVICE_H_
#define BANYAN_WORKER_DEVICE_DEVICE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/device/view.h"

namespace banyan::worker {

class Device;
class Stream;

// A point in a stream's work. Copies freely, owns nothing, and needs its stream alive. The default event has happened.
class Event {
 public:
  Event() = default;
  Event(const Stream* stream, uint64_t ticket) : stream_(stream), ticket_(ticket) {}

  bool Happened() const;
  // Blocks the calling thread until everything enqueued before the event is done.
  void Wait() const;

  const Stream* stream() const { return stream_; }
  uint64_t ticket() const { return ticket_; }

 private:
  const Stream* stream_ = nullptr;
  uint64_t ticket_ = 0;
};

// Work in order. Operators enqueue and return; only Event::Wait and Synchronize block. Used by one thread at a time.
class Stream {
 public:
  virtual ~Stream() = default;

  // Copies bytes between views of one size; either may be host memory, which then must last until the copy is done.
  virtual void Copy(const ConstView& from, const View& to) = 0;
  // After all work enqueued so far. Never allocates.
  virtual Event Record() = 0;
  // Work enqueued from now on runs after `event`, which may be another stream's.
  virtual void After(const Event& event) = 0;
  // Waits for all work and says whether any of it failed.
  virtual absl::Status Synchronize() = 0;

  virtual bool Happened(uint64_t ticket) const = 0;
  virtual void Wait(uint64_t ticket) const = 0;
};

// A device's memory, given back on destruction; needs its device alive. Aligned to 4096 bytes on a CPU, to the device's
// own granule elsewhere; the content is undefined.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Device* device, std::byte* data, int64_t bytes) : device_(device), data_(data), bytes_(bytes) {}
  Buffer(Buffer&& other) noexcept { *this = std::move(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Buffer();

  int64_t size_bytes() const { return bytes_; }
  // `size` elements from byte `offset`, a multiple of the element's size.
  View view(DType dtype, int64_t offset, int64_t size) const;

 private:
  Device* device_ = nullptr;
  std::byte* data_ = nullptr;
  int64_t bytes_ = 0;
};

// Where kernels run and their data lies. Thread-safe; streams and buffers are not.
class Device {
 public:
  virtual ~Device() = default;

  // What decides bits: two devices of one kind give the same ones. `cpu:avx512_core:onednn-2.6.3:kernels-1`.
  virtual const std::string& kind() const = 0;
  // RESOURCE_EXHAUSTED names the bytes that were wanted.
  virtual absl::StatusOr<Buffer> Allocate(int64_t bytes) = 0;
  virtual absl::StatusOr<std::unique_ptr<Stream>> NewStream() = 0;
  // The first act of every thread that enqueues work.
  virtual void EnterComputeThread() = 0;

 private:
  friend class Buffer;
  virtual void Free(std::byte* data, int64_t bytes) = 0;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_DEVICE_DEVICE_H_
