#include "common/checkpoint/checkpoint_name.h"

#include <charconv>

#include "absl/strings/str_format.h"

namespace banyan {
namespace {

bool TakeText(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool TakeNumber(std::string_view& text, uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

}  // namespace

std::string CheckpointName::Directory() const { return absl::StrFormat("step-%012d-term-%d", step, term); }
std::string CheckpointName::PartialDirectory() const { return Directory() + kPartialSuffix; }
std::string CheckpointName::DeletedDirectory() const { return Directory() + kDeletedSuffix; }

std::optional<CheckpointName> CheckpointName::Parse(std::string_view directory) {
  CheckpointName name;
  std::string_view rest = directory;
  if (!TakeText(rest, "step-") || !TakeNumber(rest, name.step) || !TakeText(rest, "-term-") ||
      !TakeNumber(rest, name.term) || name.Directory() != directory) {
    return std::nullopt;
  }
  return name;
}

}  // namespace banyan
