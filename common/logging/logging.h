#ifndef BANYAN_COMMON_LOGGING_LOGGING_H_
#define BANYAN_COMMON_LOGGING_LOGGING_H_

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/time/time.h"
#include "spdlog/spdlog.h"

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

// Arguments as fmt's: log::Info("job {} reached step {}", id, step).
template <typename... Args>
void Debug(spdlog::format_string_t<Args...> format, Args&&... args) {
  spdlog::debug(format, std::forward<Args>(args)...);
}

template <typename... Args>
void Info(spdlog::format_string_t<Args...> format, Args&&... args) {
  spdlog::info(format, std::forward<Args>(args)...);
}

template <typename... Args>
void Warning(spdlog::format_string_t<Args...> format, Args&&... args) {
  spdlog::warn(format, std::forward<Args>(args)...);
}

template <typename... Args>
void Error(spdlog::format_string_t<Args...> format, Args&&... args) {
  spdlog::error(format, std::forward<Args>(args)...);
}

}  // namespace banyan::log

#endif  // BANYAN_COMMON_LOGGING_LOGGING_H_
