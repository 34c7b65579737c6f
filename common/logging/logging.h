#ifndef BANYAN_COMMON_LOGGING_LOGGING_H_
#define BANYAN_COMMON_LOGGING_LOGGING_H_

#include <functional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "fmt/core.h"

// The log of a process: lines on stderr as `2026-01-31 12:00:00.123 I worker-0 text`, and, where a collector is set,
// each line handed to it as well. Set up once in main; before that, lines go to stderr unnamed. Thread-safe.
namespace banyan::log {

enum class Severity { kDebug, kInfo, kWarning, kError };

// "debug", "info", "warning", "error".
std::string_view SeverityName(Severity severity);

struct Line {
  absl::Time time;
  Severity severity = Severity::kInfo;
  std::string text;
};

struct Options {
  // Stands in every line.
  std::string process;
  // Lines below it are dropped.
  Severity level = Severity::kInfo;
  // Called with each line, one at a time, on the thread that logs: it must be quick and must not log. Absent: none.
  std::function<void(const Line&)> collector;
};

void SetUp(Options options);

// What the functions below share: writes the line if its severity is logged.
void Write(Severity severity, fmt::string_view format, fmt::format_args arguments);

// Arguments as fmt's: log::Info("job {} reached step {}", id, step).
template <typename... Args>
void Debug(fmt::format_string<Args...> format, Args&&... args) {
  Write(Severity::kDebug, format, fmt::make_format_args(args...));
}

template <typename... Args>
void Info(fmt::format_string<Args...> format, Args&&... args) {
  Write(Severity::kInfo, format, fmt::make_format_args(args...));
}

template <typename... Args>
void Warning(fmt::format_string<Args...> format, Args&&... args) {
  Write(Severity::kWarning, format, fmt::make_format_args(args...));
}

template <typename... Args>
void Error(fmt::format_string<Args...> format, Args&&... args) {
  Write(Severity::kError, format, fmt::make_format_args(args...));
}

}  // namespace banyan::log

#endif  // BANYAN_COMMON_LOGGING_LOGGING_H_
