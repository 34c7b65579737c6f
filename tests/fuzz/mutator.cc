#include "tests/fuzz/mutator.h"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace banyan::fuzz {
namespace {

// Bytes that mean something to YAML, JSON, CSV and protobuf.
constexpr char kTelling[] = "\0\n\r\t \"'\\#&*!|>%@:,.-+eE09afxn[]{}<?\x7f\x80\xff\x08\x0a\x12\x1a";

// Numbers at which lengths and counters go wrong.
constexpr uint64_t kNumbers[] = {0,          1,          0x7f,       0x80,       0xff,        0x7fff, 0x8000, 0xffff, 0x7fffffff,
                                 0x80000000, 0xffffffff, 1ull << 32, 1ull << 62, ~0ull >> 1, 1ull << 63, ~0ull};

}  // namespace

void Mutator::ChangeNumber(std::string& input) {
  const uint64_t number = kNumbers[Below(std::size(kNumbers))];
  if (Below(2) == 0) {  // little-endian, over what is there
    const size_t width = std::min(size_t{1} << Below(4), input.size());
    std::memcpy(input.data() + Below(input.size() - width + 1), &number, width);
    return;
  }
  std::string varint;
  for (uint64_t rest = number; varint.empty() || rest != 0; rest >>= 7) {
    varint.push_back(static_cast<char>((rest & 0x7f) | (rest >= 0x80 ? 0x80 : 0)));
  }
  input.replace(Below(input.size()), 1, Below(2) == 0 ? varint : std::to_string(number));
}

void Mutator::Change(std::string& input, const std::string& other) {
  if (input.empty()) {
    input = other.empty() ? "\n" : other;
    return;
  }
  const size_t at = Below(input.size());
  const size_t size = 1 + Below(std::min<size_t>(input.size() - at, 1 + Below(64)));
  switch (Below(8)) {
    case 0:
      input[at] ^= static_cast<char>(1 << Below(8));
      break;
    case 1:
      input[at] = kTelling[Below(sizeof(kTelling) - 1)];
      break;
    case 2:
      input.insert(at, 1, kTelling[Below(sizeof(kTelling) - 1)]);
      break;
    case 3:
      input.erase(at, size);
      break;
    case 4: {
      const std::string repeated = input.substr(at, size);
      input.insert(Below(input.size()), repeated);
      break;
    }
    case 5:
      if (!other.empty()) {
        const size_t from = Below(other.size());
        input.insert(at, other, from, 1 + Below(std::min<size_t>(other.size() - from, 64)));
      }
      break;
    case 6:
      input[at] = static_cast<char>(random_());
      break;
    default:
      ChangeNumber(input);
  }
}

std::string Mutator::Next(const std::vector<std::string>& inputs) {
  std::string input = inputs[Below(inputs.size())];
  for (size_t changes = size_t{1} << Below(4); changes > 0; --changes) Change(input, inputs[Below(inputs.size())]);
  if (input.size() > max_bytes_) input.resize(max_bytes_);
  return input;
}

}  // namespace banyan::fuzz
