#ifndef BANYAN_SERVER_SHARD_CHUNK_MEMORY_H_
#define BANYAN_SERVER_SHARD_CHUNK_MEMORY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/tensor/payload.h"

namespace banyan::server {

// fp32 elements of one chunk, aligned to 64 bytes. One thread writes; messages under way and checkpoint writers read
// it through loans, and while it is lent nobody writes.
class Buffer {
 public:
  // Contents unspecified. `total_bytes` counts what is alive and outlives the buffer by sharing.
  Buffer(size_t elements, std::shared_ptr<std::atomic<uint64_t>> total_bytes);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  std::span<float> values() { return {data_, elements_}; }
  std::span<const float> values() const { return {data_, elements_}; }

  // Whether a reader still holds a loan. Once false, what readers did happened before.
  bool lent() const { return loans_.load(std::memory_order_acquire) != 0; }

 private:
  friend Payload Lend(const std::shared_ptr<Buffer>& buffer);

  const size_t elements_;
  float* const data_;
  std::atomic<uint32_t> loans_ = 0;
  std::shared_ptr<std::atomic<uint64_t>> total_bytes_;
};

// Shared by the chunk that it belongs to and by the loans.
using BufferRef = std::shared_ptr<Buffer>;

// The buffer's elements as bytes, to be read on any thread; the loan ends with the last copy of the payload.
Payload Lend(const BufferRef& buffer);

// The memory of one shard's chunks of one job: buffers that live as long as a chunk, and the pool of those that hold
// pending partials. Thread-compatible; total_bytes() is thread-safe.
class ChunkMemory {
 public:
  // A pool buffer has `pool_elements` elements, those of the largest chunk.
  explicit ChunkMemory(size_t pool_elements);

  BufferRef Allocate(size_t elements);

  BufferRef TakePooled();
  void GivePooled(BufferRef buffer);
  size_t pooled_in_use() const { return pooled_in_use_; }
  // The most that pooled_in_use() ever was.
  size_t pooled_peak() const { return pooled_peak_; }

  // All buffers alive: in use, free in the pool, lent.
  uint64_t total_bytes() const { return total_bytes_->load(std::memory_order_relaxed); }

 private:
  const size_t pool_elements_;
  std::shared_ptr<std::atomic<uint64_t>> total_bytes_;
  std::vector<BufferRef> pool_;
  size_t pooled_in_use_ = 0;
  size_t pooled_peak_ = 0;
};

}  // namespace banyan::server

#endif  // BANYAN_SERVER_SHARD_CHUNK_MEMORY_H_
