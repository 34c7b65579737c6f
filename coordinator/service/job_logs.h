#ifndef BANYAN_COORDINATOR_SERVICE_JOB_LOGS_H_
#define BANYAN_COORDINATOR_SERVICE_JOB_LOGS_H_

#include <cstdint>
#include <deque>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "proto/cluster.pb.h"

namespace banyan::coordinator {

// The log lines of jobs' processes: the newest in memory, all in the file `log` of the job's folder. A file that cannot
// be written costs lines there, never the job; once it can be written again, it says how many. Thread-compatible.
class JobLogs {
 public:
  static constexpr size_t kKept = 5000;  // lines a job

  explicit JobLogs(std::string jobs_directory) : directory_(std::move(jobs_directory)) {}

  void Add(const std::string& job, const v1::LogLine& line);
  // Tries files again that lack lines.
  void OnTick();

  // Lines with greater numbers than `after`, with their numbers (from 1), at most `limit`.
  std::vector<std::pair<uint64_t, v1::LogLine>> After(const std::string& job, uint64_t after, size_t limit) const;

 private:
  struct Log {
    std::deque<v1::LogLine> lines;
    uint64_t last = 0;  // number of the newest line
    std::ofstream file;
    uint64_t lost = 0;  // lines that are not in the file
  };

  // Where it is not open.
  void Open(const std::string& job, Log& log) const;

  const std::string directory_;
  std::map<std::string, Log> logs_;
};

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_SERVICE_JOB_LOGS_H_
