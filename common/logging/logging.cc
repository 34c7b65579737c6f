#include "common/logging/logging.h"

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "spdlog/sinks/base_sink.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace banyan::log {
namespace {

Severity FromSpdlog(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
    case spdlog::level::debug:
      return Severity::kDebug;
    case spdlog::level::info:
      return Severity::kInfo;
    case spdlog::level::warn:
      return Severity::kWarning;
    default:
      return Severity::kError;
  }
}

spdlog::level::level_enum ToSpdlog(Severity severity) {
  switch (severity) {
    case Severity::kDebug:
      return spdlog::level::debug;
    case Severity::kInfo:
      return spdlog::level::info;
    case Severity::kWarning:
      return spdlog::level::warn;
    case Severity::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

class CollectorSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit CollectorSink(std::function<void(const Line&)> collector) : collector_(std::move(collector)) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    collector_({.time = absl::FromChrono(message.time),
                .severity = FromSpdlog(message.level),
                .text = std::string(message.payload.data(), message.payload.size())});
  }
  void flush_() override {}

 private:
  const std::function<void(const Line&)> collector_;
};

}  // namespace

std::string_view SeverityName(Severity severity) {
  switch (severity) {
    case Severity::kDebug:
      return "debug";
    case Severity::kInfo:
      return "info";
    case Severity::kWarning:
      return "warning";
    case Severity::kError:
      return "error";
  }
  return "info";
}

void SetUp(Options options) {
  std::vector<spdlog::sink_ptr> sinks = {std::make_shared<spdlog::sinks::stderr_sink_mt>()};
  if (options.collector) sinks.push_back(std::make_shared<CollectorSink>(std::move(options.collector)));
  auto logger = std::make_shared<spdlog::logger>(options.process, sinks.begin(), sinks.end());
  logger->set_level(ToSpdlog(options.level));
  logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %L %n %v");
  logger->flush_on(spdlog::level::warn);
  spdlog::set_default_logger(std::move(logger));
}

void Write(Severity severity, fmt::string_view format, fmt::format_args arguments) {
  const spdlog::level::level_enum level = ToSpdlog(severity);
  spdlog::logger& logger = *spdlog::default_logger_raw();
  if (logger.should_log(level)) logger.log(level, fmt::vformat(format, arguments));
}

}  // namespace banyan::log
