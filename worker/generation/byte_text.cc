#include "worker/generation/byte_text.h"

#include "common/config/utf8.h"

namespace banyan::worker {
namespace {

constexpr char kReplacement[] = "\xEF\xBF\xBD";

// Bytes that a character has whose first byte is `lead`; 1 where none has it.
size_t WantedLength(uint8_t lead) {
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  if (lead >= 0xE0 && lead < 0xF0) return 3;
  if (lead >= 0xC2 && lead < 0xE0) return 2;
  return 1;
}

}  // namespace

std::vector<int32_t> EncodeBytes(std::string_view text) {
  std::vector<int32_t> tokens;
  for (const char c : text) tokens.push_back(static_cast<uint8_t>(c));
  return tokens;
}

std::string ByteText::Flush(bool end) {
  std::string shown;
  while (!pending_.empty()) {
    const size_t length = config::Utf8Length(pending_);
    if (length > 0) {
      shown.append(pending_, 0, length);
      pending_.erase(0, length);
      continue;
    }
    bool may_go_on = !end && pending_.size() < WantedLength(static_cast<uint8_t>(pending_[0]));
    for (size_t i = 1; i < pending_.size(); ++i) may_go_on = may_go_on && (pending_[i] & 0xC0) == 0x80;
    if (may_go_on) break;
    shown += kReplacement;
    pending_.erase(0, 1);
  }
  return shown;
}

std::string ByteText::Add(uint8_t byte) {
  pending_ += static_cast<char>(byte);
  return Flush(false);
}

std::string ByteText::Finish() { return Flush(true); }

}  // namespace banyan::worker
