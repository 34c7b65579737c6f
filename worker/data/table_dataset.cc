#include "worker/data/table_dataset.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/digest/sha256.h"
#include "worker/data/mapped_file.h"

namespace banyan::worker {
namespace {

std::string_view Trim(std::string_view field) {
  const size_t first = field.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return field.substr(first, field.find_last_not_of(" \t") - first + 1);
}

// Fields of a line; `column` counts bytes from 1.
struct Field {
  std::string_view text;
  size_t column = 1;
};

void Split(std::string_view line, std::vector<Field>& fields) {
  fields.clear();
  for (size_t at = 0;;) {
    const size_t comma = line.find(',', at);
    fields.push_back({Trim(line.substr(at, comma - at)), at + 1});
    if (comma == std::string_view::npos) return;
    at = comma + 1;
  }
}

std::optional<float> Number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  float value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

absl::Status ErrorAt(const TableDataset::Options& options, size_t line, size_t column, std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(options.name, ":", line, ":", column, ": ", absl::string_view(what.data(), what.size())));
}

// Long or binary fields do not belong in a message.
std::string Quote(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text.substr(0, 32)) quoted += c >= 0x20 && c < 0x7F ? c : '?';
  return quoted + (text.size() > 32 ? "...'" : "'");
}

}  // namespace

absl::StatusOr<std::unique_ptr<TableDataset>> TableDataset::Open(const Options& options) {
  const absl::StatusOr<MappedFile> file = MappedFile::Open(options.path);
  if (!file.ok()) return Annotate(file.status(), absl::StrCat("table '", options.name, "'"));
  return Parse({reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size()}, options);
}

absl::StatusOr<std::unique_ptr<TableDataset>> TableDataset::Parse(std::string_view text, const Options& options) {
  std::vector<float> values;
  std::vector<Field> fields;
  size_t columns = 0;
  size_t rows = 0;
  size_t number = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    at = end + 1;
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (Trim(line).empty()) {
      if (text.find_first_not_of(" \t\r\n", end) == std::string_view::npos) break;
      return ErrorAt(options, number, 1, "the line is empty, expected numbers");
    }
    Split(line, fields);
    if (number == 1) {
      columns = fields.size();
      if (columns <= options.targets) {
        return ErrorAt(options, 1, 1, absl::StrCat("the line has ", columns, " columns, ", options.targets,
                                                   " targets and at least one feature are expected"));
      }
      bool header = true;
      for (const Field& field : fields) header = header && !Number(field.text);
      if (header) continue;
    }
    if (fields.size() != columns) {
      return ErrorAt(options, number, 1, absl::StrCat("the line has ", fields.size(), " columns, expected ", columns));
    }
    for (const Field& field : fields) {
      const std::optional<float> value = Number(field.text);
      if (!value) return ErrorAt(options, number, field.column, Quote(field.text) + " is not a finite fp32 number");
      values.push_back(*value);
    }
    ++rows;
  }
  if (rows == 0) {
    return absl::InvalidArgumentError(absl::StrCat("table '", options.name, "' has no rows, expected at least one"));
  }
  const DataSplit split = SplitHeldOut(rows, options.held_out);
  if (options.held_out > 0 && split.held_out == 0) {
    return absl::InvalidArgumentError(absl::StrCat("table '", options.name, "' has ", rows,
                                                   " rows, none is left to be held out"));
  }
  Sha256 hash;
  hash.Update(text);
  DataFacts facts{.hash = hash.FinishHex(),
                  .samples = split.training,
                  .held_out_samples = split.held_out,
                  .features = static_cast<uint32_t>(columns - options.targets),
                  .targets = options.targets};
  return std::unique_ptr<TableDataset>(new TableDataset(std::move(facts), std::move(values), split));
}

void TableDataset::Read(DataPart part, uint64_t sample, std::span<std::byte> input, std::span<std::byte> target) const {
  CHECK_LT(sample, part == DataPart::kTraining ? split_.training : split_.held_out);
  CHECK_EQ(input.size(), input_bytes());
  CHECK_EQ(target.size(), target_bytes());
  const uint64_t row = (part == DataPart::kTraining ? 0 : split_.training) + sample;
  const float* values = values_.data() + row * (facts().features + facts().targets);
  std::memcpy(input.data(), values, input.size());
  std::memcpy(target.data(), values + facts().features, target.size());
}

}  // namespace banyan::worker
