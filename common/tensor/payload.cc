#include "common/tensor/payload.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/base/check.h"
#include "common/digest/xxh3.h"

namespace banyan {

Payload Payload::Copy(std::span<const std::byte> bytes) {
  const auto owner = std::make_shared<const std::vector<std::byte>>(bytes.begin(), bytes.end());
  Payload payload;
  payload.Append(*owner, owner);
  return payload;
}

Payload Payload::Borrow(std::span<const std::byte> bytes) {
  Payload payload;
  payload.Append(bytes, nullptr);
  return payload;
}

void Payload::Append(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  if (bytes.empty()) return;
  size_ += bytes.size();
  ranges_.push_back({bytes, std::move(owner)});
}

void Payload::Append(const Payload& other) {
  // By index and with the count fixed first: `other` may be this payload.
  const size_t count = other.ranges_.size();
  for (size_t i = 0; i < count; ++i) {
    const Range range = other.ranges_[i];
    Append(range.bytes, range.owner);
  }
}

Payload Payload::Slice(size_t offset, size_t size) const {
  CHECK_LE(offset, size_);
  CHECK_LE(size, size_ - offset);
  Payload part;
  for (const Range& range : ranges_) {
    if (size == 0) break;
    if (offset >= range.bytes.size()) {
      offset -= range.bytes.size();
      continue;
    }
    const auto bytes = range.bytes.subspan(offset, std::min(size, range.bytes.size() - offset));
    part.Append(bytes, range.owner);
    size -= bytes.size();
    offset = 0;
  }
  return part;
}

void Payload::CopyTo(std::span<std::byte> into) const {
  CHECK_EQ(into.size(), size_);
  for (const Range& range : ranges_) {
    std::memcpy(into.data(), range.bytes.data(), range.bytes.size());
    into = into.subspan(range.bytes.size());
  }
}

uint64_t Payload::Checksum() const {
  if (ranges_.size() == 1) return Xxh3(ranges_[0].bytes);
  Xxh3Stream stream;
  for (const Range& range : ranges_) stream.Update(range.bytes);
  return stream.Digest();
}

}  // namespace banyan
