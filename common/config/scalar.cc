#include "common/config/scalar.h"

#include <charconv>
#include <cmath>
#include <limits>

namespace banyan::config {
namespace {

struct Unit {
  std::string_view name;
  int64_t nanoseconds;
};

// Larger first.
constexpr Unit kUnits[] = {
    {"d", 86'400'000'000'000}, {"h", 3'600'000'000'000}, {"m", 60'000'000'000}, {"s", 1'000'000'000},
    {"ms", 1'000'000},         {"us", 1'000},            {"ns", 1},
};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// `text` without the underscores that stand between two digits; nullopt where one stands elsewhere.
std::optional<std::string> WithoutSeparators(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out += text[i];
    } else if (i == 0 || i + 1 == text.size() || !IsDigit(text[i - 1]) || !IsDigit(text[i + 1])) {
      return std::nullopt;
    }
  }
  return out;
}

template <typename T>
std::optional<T> FromChars(std::string_view text) {
  T value;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<uint64_t> ParseUnsigned(std::string_view text) {
  const auto digits = WithoutSeparators(text);
  if (!digits || digits->empty() || !IsDigit((*digits)[0])) return std::nullopt;
  if (digits->size() > 1 && (*digits)[0] == '0') return std::nullopt;
  if (digits->find_first_of("eE") == std::string::npos) return FromChars<uint64_t>(*digits);
  const auto value = FromChars<double>(*digits);
  constexpr double kExactIntegers = 9007199254740992.0;
  if (!value || *value > kExactIntegers || *value != std::floor(*value)) return std::nullopt;
  return static_cast<uint64_t>(*value);
}

std::optional<double> ParseDouble(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  const auto digits = WithoutSeparators(text);
  if (!digits) return std::nullopt;
  const auto value = FromChars<double>(*digits);
  if (!value || !std::isfinite(*value)) return std::nullopt;
  return value;
}

std::string FormatDouble(double value) {
  char buffer[40];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, value == 0 ? 0.0 : value);
  return std::string(buffer, result.ptr);
}

std::optional<bool> ParseBool(std::string_view text) {
  if (text == "true" || text == "yes" || text == "on") return true;
  if (text == "false" || text == "no" || text == "off") return false;
  return std::nullopt;
}

std::optional<int64_t> ParseDuration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  int64_t total = 0;
  size_t next_unit = 0;
  while (!text.empty()) {
    size_t digits = 0;
    while (digits < text.size() && IsDigit(text[digits])) ++digits;
    const auto number = FromChars<int64_t>(text.substr(0, digits));
    if (!number) return std::nullopt;
    text.remove_prefix(digits);
    size_t letters = 0;
    while (letters < text.size() && !IsDigit(text[letters])) ++letters;
    while (next_unit < std::size(kUnits) && kUnits[next_unit].name != text.substr(0, letters)) ++next_unit;
    if (next_unit == std::size(kUnits)) return std::nullopt;
    int64_t part;
    if (__builtin_mul_overflow(*number, kUnits[next_unit].nanoseconds, &part) ||
        __builtin_add_overflow(total, part, &total)) {
      return std::nullopt;
    }
    ++next_unit;
    text.remove_prefix(letters);
  }
  return total;
}

std::string FormatDuration(int64_t nanoseconds) {
  if (nanoseconds == 0) return "0s";
  std::string out = nanoseconds < 0 ? "-" : "";
  // The magnitude of the lowest int64 has no int64.
  uint64_t rest = nanoseconds < 0 ? -static_cast<uint64_t>(nanoseconds) : static_cast<uint64_t>(nanoseconds);
  for (const Unit& unit : kUnits) {
    const uint64_t count = rest / static_cast<uint64_t>(unit.nanoseconds);
    rest %= static_cast<uint64_t>(unit.nanoseconds);
    if (count > 0) out += std::to_string(count) + std::string(unit.name);
  }
  return out;
}

}  // namespace banyan::config
