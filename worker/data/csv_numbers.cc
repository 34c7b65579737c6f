#include "worker/data/csv_numbers.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace banyan::worker {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string_view Trim(std::string_view field) {
  const size_t first = field.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return field.substr(first, field.find_last_not_of(" \t") - first + 1);
}

// Any number, infinities and NaN among them; infinite where fp32 cannot hold it.
std::optional<float> ParseNumber(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  float value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc()) return value;
  // Out of range, as a number is too that fp32 rounds to zero.
  double wide = HUGE_VAL;
  const auto [wide_end, wide_error] = std::from_chars(text.data(), text.data() + text.size(), wide);
  return wide_error == std::errc() && std::abs(wide) < 1 ? static_cast<float>(wide) : HUGE_VALF;
}

// Long or binary fields do not belong in a message.
std::string Quote(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text.substr(0, 32)) quoted += c >= 0x20 && c < 0x7F ? c : '?';
  return quoted + (text.size() > 32 ? "...'" : "'");
}

}  // namespace

absl::Status CsvNumbers::Error(size_t line, size_t column, std::string_view what) const {
  return absl::InvalidArgumentError(
      absl::StrCat(name_, ":", line, ":", column, ": ", absl::string_view(what.data(), what.size())));
}

void CsvNumbers::Split(std::string_view line) {
  fields_.clear();
  for (size_t at = 0;;) {
    const size_t comma = line.find(',', at);
    const std::string_view field = line.substr(at, comma - at);
    const size_t blanks = std::min(field.find_first_not_of(" \t"), field.size());
    fields_.push_back({Trim(field), at + blanks + 1});
    if (comma == std::string_view::npos) return;
    at = comma + 1;
  }
}

absl::Status CsvNumbers::FirstLine() {
  columns_ = fields_.size();
  if (columns_ < min_columns_) {
    return Error(line_, 1, absl::StrCat(columns_, columns_ == 1 ? " field" : " fields",
                                        " between commas, expected at least ", min_columns_,
                                        ": one feature and the targets"));
  }
  header_ = std::none_of(fields_.begin(), fields_.end(), [](const Field& field) {
    return field.text.empty() || ParseNumber(field.text).has_value();
  });
  return absl::OkStatus();
}

absl::Status CsvNumbers::Row() {
  if (fields_.size() != columns_) {
    return Error(line_, 1, absl::StrCat(fields_.size(), fields_.size() == 1 ? " field" : " fields", ", expected ",
                                        columns_, " as on the first line"));
  }
  for (const Field& field : fields_) {
    const std::optional<float> value = ParseNumber(field.text);
    if (!value) return Error(line_, field.column, Quote(field.text) + ", expected a number");
    if (!std::isfinite(*value)) {
      return Error(line_, field.column, Quote(field.text) + ", expected a finite number that fp32 can hold");
    }
    values_.push_back(*value);
  }
  return absl::OkStatus();
}

absl::Status CsvNumbers::Line(std::string_view line) {
  ++line_;
  if (line_ == 1 && line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (Trim(line).empty()) {
    if (empty_line_ == 0) empty_line_ = line_;
    return absl::OkStatus();
  }
  // Only at the end of the file does nobody mean anything by an empty line.
  if (empty_line_ != 0) return Error(empty_line_, 1, "the line is empty, expected numbers");
  Split(line);
  header_ = false;
  if (line_ == 1) RETURN_IF_ERROR(FirstLine());
  return header_ ? absl::OkStatus() : Row();
}

absl::Status CsvNumbers::Add(std::string_view block) {
  while (true) {
    const size_t end = block.find('\n');
    if (end == std::string_view::npos) break;
    if (rest_.empty()) {
      RETURN_IF_ERROR(Line(block.substr(0, end)));
    } else {
      rest_ += block.substr(0, end);
      RETURN_IF_ERROR(Line(rest_));
      rest_.clear();
    }
    block.remove_prefix(end + 1);
  }
  rest_ += block;
  return absl::OkStatus();
}

absl::Status CsvNumbers::Finish() {
  if (!rest_.empty()) RETURN_IF_ERROR(Line(rest_));
  if (rows() > 0) return absl::OkStatus();
  return Error(line_, 1, "the file ends without a row of numbers, expected at least one");
}

}  // namespace banyan::worker
