#include "common/process/ready_line.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace banyan {
namespace {

std::string OrDash(const std::string& text) { return text.empty() ? "-" : text; }

std::string FromDash(const std::string& text) { return text == "-" ? "" : text; }

}  // namespace

std::string FormatReadyLine(const ReadyLine& line) {
  return absl::StrCat("ready ", line.name, " ", OrDash(line.endpoint), " ", OrDash(line.metrics_endpoint));
}

absl::StatusOr<ReadyLine> ParseReadyLine(std::string_view text) {
  const std::vector<std::string> words = absl::StrSplit(absl::string_view(text.data(), text.size()), ' ');
  if (words.size() != 4 || words[0] != "ready" || words[1].empty()) {
    return absl::InvalidArgumentError(absl::StrCat("'", absl::string_view(text.data(), text.size()),
                                                   "' is no ready line; expected 'ready NAME HOST:PORT HOST:PORT'"));
  }
  return ReadyLine{.name = words[1], .endpoint = FromDash(words[2]), .metrics_endpoint = FromDash(words[3])};
}

}  // namespace banyan
