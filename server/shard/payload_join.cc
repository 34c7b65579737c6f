#include "server/shard/payload_join.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "common/base/check.h"
#include "common/reduce/join.h"

namespace banyan::server {

void CopyPayload(std::span<float> values, const Payload& payload) {
  CHECK_EQ(payload.size(), values.size_bytes());
  std::byte* out = std::as_writable_bytes(values).data();
  for (const Payload::Range& range : payload.ranges()) {
    std::memcpy(out, range.bytes.data(), range.bytes.size());
    out += range.bytes.size();
  }
}

void JoinPayload(CpuLevel level, std::span<float> sum, const Payload& payload) {
  CHECK_EQ(payload.size(), sum.size_bytes());
  // The element that a range ended in the middle of: its bytes so far.
  std::array<std::byte, sizeof(float)> split;
  size_t split_bytes = 0;
  size_t at = 0;
  for (const Payload::Range& range : payload.ranges()) {
    std::span<const std::byte> bytes = range.bytes;
    if (split_bytes > 0) {
      const size_t taken = std::min(bytes.size(), split.size() - split_bytes);
      std::copy_n(bytes.begin(), taken, split.begin() + static_cast<std::ptrdiff_t>(split_bytes));
      split_bytes += taken;
      bytes = bytes.subspan(taken);
      if (split_bytes < split.size()) continue;
      JoinBytes(level, sum.subspan(at++, 1), split);
      split_bytes = 0;
    }
    const size_t whole = bytes.size() / sizeof(float);
    JoinBytes(level, sum.subspan(at, whole), bytes.first(whole * sizeof(float)));
    at += whole;
    const std::span<const std::byte> rest = bytes.subspan(whole * sizeof(float));
    std::copy(rest.begin(), rest.end(), split.begin());
    split_bytes = rest.size();
  }
}

}  // namespace banyan::server
