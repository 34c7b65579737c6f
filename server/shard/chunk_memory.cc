#include "server/shard/chunk_memory.h"

#include <algorithm>
#include <new>
#include <utility>

#include "common/base/check.h"

namespace banyan::server {
namespace {

constexpr std::align_val_t kAlignment{64};

}  // namespace

Buffer::Buffer(size_t elements, std::shared_ptr<std::atomic<uint64_t>> total_bytes)
    : elements_(elements),
      // Not cleared: its first writer touches the pages, on the thread that will use them.
      data_(static_cast<float*>(::operator new(elements * sizeof(float), kAlignment))),
      total_bytes_(std::move(total_bytes)) {
  total_bytes_->fetch_add(elements_ * sizeof(float), std::memory_order_relaxed);
}

Buffer::~Buffer() {
  ::operator delete(data_, kAlignment);
  total_bytes_->fetch_sub(elements_ * sizeof(float), std::memory_order_relaxed);
}

Payload Lend(const BufferRef& buffer) {
  buffer->loans_.fetch_add(1, std::memory_order_relaxed);
  std::shared_ptr<const void> loan(static_cast<const void*>(buffer->data_), [buffer](const void*) {
    buffer->loans_.fetch_sub(1, std::memory_order_release);
  });
  Payload payload;
  payload.Append(std::as_bytes(std::span<const float>(buffer->data_, buffer->elements_)), std::move(loan));
  return payload;
}

ChunkMemory::ChunkMemory(size_t pool_elements)
    : pool_elements_(pool_elements), total_bytes_(std::make_shared<std::atomic<uint64_t>>(0)) {}

BufferRef ChunkMemory::Allocate(size_t elements) { return std::make_shared<Buffer>(elements, total_bytes_); }

BufferRef ChunkMemory::TakePooled() {
  pooled_peak_ = std::max(pooled_peak_, ++pooled_in_use_);
  if (pool_.empty()) return Allocate(pool_elements_);
  BufferRef buffer = std::move(pool_.back());
  pool_.pop_back();
  return buffer;
}

void ChunkMemory::GivePooled(BufferRef buffer) {
  CHECK_GT(pooled_in_use_, 0u);
  --pooled_in_use_;
  pool_.push_back(std::move(buffer));
}

}  // namespace banyan::server
