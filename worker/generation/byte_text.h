#ifndef BANYAN_WORKER_GENERATION_BYTE_TEXT_H_
#define BANYAN_WORKER_GENERATION_BYTE_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace banyan::worker {

// Text as the byte tokenizer's tokens.
std::vector<int32_t> EncodeBytes(std::string_view text);

// Turns bytes that come one by one into text that a terminal can show: whole UTF-8 characters as they are, U+FFFD for
// every byte that belongs to none. Thread-compatible.
class ByteText {
 public:
  // What can be shown now; empty in the middle of a character.
  std::string Add(uint8_t byte);
  // What is left of a character that was not ended.
  std::string Finish();

 private:
  std::string Flush(bool end);

  std::string pending_;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_GENERATION_BYTE_TEXT_H_
