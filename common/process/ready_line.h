#ifndef BANYAN_COMMON_PROCESS_READY_LINE_H_
#define BANYAN_COMMON_PROCESS_READY_LINE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace banyan {

// What a daemon prints on stdout once it serves, as its only line there, for whoever started it:
//
//   ready <name> <host:port|-> <host:port of /metrics|->
struct ReadyLine {
  std::string name;
  std::string endpoint;          // empty: it serves nobody
  std::string metrics_endpoint;  // empty: none

  friend bool operator==(const ReadyLine&, const ReadyLine&) = default;
};

// Without the line's end.
std::string FormatReadyLine(const ReadyLine& line);

// INVALID_ARGUMENT on anything else.
absl::StatusOr<ReadyLine> ParseReadyLine(std::string_view text);

}  // namespace banyan

#endif  // BANYAN_COMMON_PROCESS_READY_LINE_H_
