#ifndef BANYAN_COMMON_CONFIG_SCALAR_H_
#define BANYAN_COMMON_CONFIG_SCALAR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace banyan::config {

// Scalars of a job file. The schema says which of these reads a text, so nothing is guessed: `no` is a word where a
// string is due and false where a bool is. Each Parse gives nullopt for any other text; each Format writes the one
// canonical spelling, which its Parse reads back to the same value.

// Decimal digits, `_` allowed between two of them (1_000), or a whole number with an exponent (1e6). No sign, no
// leading zero (010 is eight to some readers), at most 2^64 - 1.
std::optional<uint64_t> ParseUnsigned(std::string_view text);

// Decimal with optional sign, point and exponent (`3e-3`, `.5`, `1_000.0`); finite. A magnitude that would become zero
// or infinity is refused.
std::optional<double> ParseDouble(std::string_view text);

// The shortest text that reads back to the same double; -0 is written 0.
std::string FormatDouble(double value);

// true, yes, on; false, no, off.
std::optional<bool> ParseBool(std::string_view text);

// Numbers with units, larger units first, each once: `5m`, `1h30m`, `250ms`, `1d`; units d h m s ms us ns. In
// nanoseconds; at most 290 years.
std::optional<int64_t> ParseDuration(std::string_view text);

// `1h30m`; zero is `0s`, a negative one (which no Parse gives) has a leading minus.
std::string FormatDuration(int64_t nanoseconds);

}  // namespace banyan::config

#endif  // BANYAN_COMMON_CONFIG_SCALAR_H_
