#include "coordinator/service/job_logs.h"

#include <algorithm>
#include <cctype>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace banyan::coordinator {

void JobLogs::Open(const std::string& job, Log& log) const {
  if (log.file.good() && log.file.is_open()) return;
  log.file = std::ofstream(absl::StrCat(directory_, "/", job, "/log"), std::ios::app);
  if (log.file.good() && log.lost > 0) log.file << log.lost << " lines could not be written here" << std::endl;
  if (log.file.good()) log.lost = 0;
}

void JobLogs::OnTick() {
  for (auto& [job, log] : logs_) {
    if (log.lost > 0) Open(job, log);
  }
}

void JobLogs::Add(const std::string& job, const v1::LogLine& line) {
  Log& log = logs_[job];
  log.lines.push_back(line);
  ++log.last;
  if (log.lines.size() > kKept) log.lines.pop_front();
  Open(job, log);
  // As the processes print them themselves.
  const absl::Time time = absl::UnixEpoch() + absl::Seconds(line.time());
  const char severity = line.severity().empty() ? 'I' : static_cast<char>(std::toupper(line.severity()[0]));
  log.file << absl::FormatTime("%Y-%m-%d %H:%M:%E3S", time, absl::UTCTimeZone()) << ' ' << severity << ' '
           << line.process() << ' ' << line.text() << std::endl;
  if (!log.file.good()) ++log.lost;
}

std::vector<std::pair<uint64_t, v1::LogLine>> JobLogs::After(const std::string& job, uint64_t after,
                                                             size_t limit) const {
  std::vector<std::pair<uint64_t, v1::LogLine>> lines;
  const auto found = logs_.find(job);
  if (found == logs_.end()) return lines;
  const Log& log = found->second;
  const uint64_t first = log.last - log.lines.size() + 1;
  for (uint64_t number = std::max(first, after + 1); number <= log.last && lines.size() < limit; ++number) {
    lines.emplace_back(number, log.lines[number - first]);
  }
  return lines;
}

}  // namespace banyan::coordinator
