#ifndef BANYAN_COMMON_TENSOR_PAYLOAD_H_
#define BANYAN_COMMON_TENSOR_PAYLOAD_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace banyan {

// Bytes of a tensor as a list of ranges, each kept alive by a shared owner: how they travel between network slices,
// the state machines and chunk buffers without a copy. Copying a payload copies the list, not the bytes. The bytes must
// not change while a payload holds them; the owner is destroyed by whichever thread drops the last payload.
// Thread-compatible.
class Payload {
 public:
  struct Range {
    std::span<const std::byte> bytes;   // never empty
    std::shared_ptr<const void> owner;  // may be null: the caller answers for the bytes' life
  };

  Payload() = default;

  // A payload of its own copy of `bytes`.
  static Payload Copy(std::span<const std::byte> bytes);
  // A payload of bytes that outlive it and every part of it.
  static Payload Borrow(std::span<const std::byte> bytes);

  // Puts a range at the end; empty ones are left out.
  void Append(std::span<const std::byte> bytes, std::shared_ptr<const void> owner);
  void Append(const Payload& other);

  size_t size() const { return size_; }  // bytes
  bool empty() const { return size_ == 0; }
  const std::vector<Range>& ranges() const { return ranges_; }

  // Bytes [offset, offset + size), which must lie inside; shares the owners.
  Payload Slice(size_t offset, size_t size) const;

  // Copies all bytes to `into`, which has exactly size() bytes.
  void CopyTo(std::span<std::byte> into) const;

  // XXH3-64 of the concatenation; cuts do not matter.
  uint64_t Checksum() const;

 private:
  std::vector<Range> ranges_;
  size_t size_ = 0;
};

}  // namespace banyan

#endif  // BANYAN_COMMON_TENSOR_PAYLOAD_H_
