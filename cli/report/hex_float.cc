#include "cli/report/hex_float.h"

#include <array>
#include <charconv>
#include <cmath>

namespace banyan::cli {

std::string HexFloat(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  // Unlike printf, to_chars does not heed the locale.
  std::array<char, 40> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), std::fabs(value), std::chars_format::hex);
  return std::string(std::signbit(value) ? "-0x" : "0x") + std::string(digits.data(), end.ptr);
}

}  // namespace banyan::cli
