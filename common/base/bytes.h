#ifndef BANYAN_COMMON_BASE_BYTES_H_
#define BANYAN_COMMON_BASE_BYTES_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace banyan {

// Files and frames hold memory as it is.
static_assert(std::endian::native == std::endian::little);

// The bytes of `text`, borrowed.
inline std::span<const std::byte> AsBytes(std::string_view text) { return std::as_bytes(std::span(text)); }

// `bytes` as text, borrowed.
inline std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The first eight bytes as a little-endian number. `bytes` has at least eight.
inline uint64_t LoadU64(std::span<const std::byte> bytes) {
  uint64_t value;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

}  // namespace banyan

#endif  // BANYAN_COMMON_BASE_BYTES_H_
