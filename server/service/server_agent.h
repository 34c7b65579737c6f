#ifndef BANYAN_SERVER_SERVICE_SERVER_AGENT_H_
#define BANYAN_SERVER_SERVICE_SERVER_AGENT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "common/base/sync.h"
#include "common/cpu/cpu_level.h"
#include "common/file/file_system.h"
#include "common/file/roots.h"
#include "common/metrics/metrics_page.h"
#include "common/rpc/connector.h"
#include "proto/cluster.pb.h"
#include "server/service/executor.h"
#include "server/service/job_host.h"

namespace banyan::server {

// The jobs of a server: made, ordered about and dropped as the coordinator commands, and reported on. Thread-safe.
class ServerAgent {
 public:
  struct Options {
    v1::Process process;  // what the server is
    std::string token;
    uint32_t executors = 1;
    uint64_t pool_bytes = 64 << 20;    // for pending partials, of each job on each executor
    uint64_t memory_bytes = 0;         // all jobs' chunks together may take; 0: no limit
    FileSystem* files = nullptr;       // outlives the agent
    const Roots* roots = nullptr;      // outlives the agent
    CpuLevel level = CpuLevel::kSse2;
    std::function<void()> report_soon;           // called on any thread
    std::function<void(const std::string&)> leave;  // the coordinator says so
  };

  explicit ServerAgent(Options options);
  // Runs what is under way. All streams have ended (StopJobs, then the end of what accepts them).
  ~ServerAgent();

  void OnCommand(const v1::Command& command);
  // `first` of a session.
  v1::Report MakeReport(bool first);
  void OnTick(absl::Time now);
  // From now on reports say that the server drains.
  void Drain();
  bool HasJobs();
  // Ends all jobs' streams.
  void StopJobs();

  // Null for a job that is not here.
  std::shared_ptr<JobHost> Find(const std::string& job);

  // Of the server, and of each job under its id.
  std::vector<MetricSample> Metrics();

 private:
  struct Job {
    std::shared_ptr<JobHost> host;  // null: it cannot run here
    std::string failure;
    Term term = 0;  // of the last command
    uint32_t life = 0;
    uint64_t needed_bytes = 0;
    std::map<std::string, uint64_t> counters;  // as last reported
    bool ready = false;
  };

  void OnJob(const v1::JobCommand& command, uint64_t coordinator_term) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string Admit(const Job& job, uint64_t bytes) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::shared_ptr<JobHost> MakeHost(std::shared_ptr<const JobFacts> facts) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  Connector connector_;
  std::vector<std::unique_ptr<Executor>> executors_;
  Executor disk_;
  Mutex mutex_;
  ServerId id_ ABSL_GUARDED_BY(mutex_);
  uint64_t coordinator_term_ ABSL_GUARDED_BY(mutex_) = 0;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, Job> jobs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banyan::server

#endif  // BANYAN_SERVER_SERVICE_SERVER_AGENT_H_
