#include "server/service/log_outbox.h"

#include <string>

namespace banyan::server {

void LogOutbox::Add(const log::Line& line) {
  MutexLock lock(mutex_);
  lines_.push_back(line);
  if (lines_.size() > kMaxLines) lines_.pop_front();
}

void LogOutbox::MoveTo(v1::Report& report) {
  MutexLock lock(mutex_);
  for (const log::Line& line : lines_) {
    v1::LogLine& out = *report.add_logs();
    out.set_time(absl::ToDoubleSeconds(line.time - absl::UnixEpoch()));
    out.set_severity(std::string(log::SeverityName(line.severity)));
    out.set_process(report.process().name());
    out.set_text(line.text);
  }
  lines_.clear();
}

}  // namespace banyan::server
