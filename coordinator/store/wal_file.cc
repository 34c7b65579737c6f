#include "coordinator/store/wal_file.h"

#include <array>
#include <bit>
#include <cstring>
#include <span>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/status.h"

namespace banyan::coordinator {
namespace {

constexpr size_t kHeaderBytes = 32;
constexpr size_t kFrameHeaderBytes = 24;
constexpr uint32_t kMagic = 0x377f0682;  // checksums of little-endian numbers; + 1: of big-endian ones
constexpr uint32_t kLeastPage = 512;
constexpr uint32_t kMostPage = 65536;

uint32_t Number(std::span<const std::byte> bytes, size_t at) {
  uint32_t value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return __builtin_bswap32(value);
}

struct Checksum {
  bool big_endian = false;
  std::array<uint32_t, 2> sums = {};

  void Add(std::span<const std::byte> bytes) {
    for (size_t at = 0; at + 8 <= bytes.size(); at += 8) {
      std::array<uint32_t, 2> words;
      std::memcpy(words.data(), bytes.data() + at, sizeof(words));
      if (big_endian) words = {__builtin_bswap32(words[0]), __builtin_bswap32(words[1])};
      sums[0] += words[0] + sums[1];
      sums[1] += words[1] + sums[0];
    }
  }
  bool Is(std::span<const std::byte> stored) const { return sums[0] == Number(stored, 0) && sums[1] == Number(stored, 4); }
};

}  // namespace

absl::StatusOr<std::optional<WalContent>> ReadWal(File& log) {
  ASSIGN_OR_RETURN(const uint64_t size, log.Size());
  if (size < kHeaderBytes) return std::nullopt;
  std::array<std::byte, kHeaderBytes> header;
  RETURN_IF_ERROR(log.ReadAt(0, header));
  const uint32_t magic = Number(header, 0);
  const uint32_t page_size = Number(header, 8);
  Checksum checksum = {.big_endian = magic == kMagic + 1};
  checksum.Add(std::span(header).first(24));
  if ((magic != kMagic && magic != kMagic + 1) || !checksum.Is(std::span(header).subspan(24))) return std::nullopt;
  if (page_size < kLeastPage || page_size > kMostPage || !std::has_single_bit(page_size)) return std::nullopt;
  WalContent content = {.salt = LoadU64(std::span(header).subspan(kWalSaltOffset))};
  std::vector<std::byte> bytes(kFrameHeaderBytes + page_size);
  const std::span<const std::byte> frame = bytes;
  for (uint64_t at = kHeaderBytes; size - at >= bytes.size(); at += bytes.size()) {
    RETURN_IF_ERROR(log.ReadAt(at, bytes));
    checksum.Add(frame.first(8));
    checksum.Add(frame.subspan(kFrameHeaderBytes));
    if (Number(frame, 0) == 0 || LoadU64(frame.subspan(8)) != content.salt || !checksum.Is(frame.subspan(16))) break;
    ++content.frames;
    if (Number(frame, 4) != 0) ++content.commits;
  }
  return content;
}

}  // namespace banyan::coordinator
