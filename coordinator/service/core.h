#ifndef BANYAN_COORDINATOR_SERVICE_CORE_H_
#define BANYAN_COORDINATOR_SERVICE_CORE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/sync.h"
#include "common/file/file_system.h"
#include "coordinator/cluster/decider.h"
#include "coordinator/service/job_logs.h"
#include "coordinator/service/outbox.h"
#include "coordinator/service/work_thread.h"
#include "coordinator/store/store.h"

namespace banyan::coordinator {

// The one thread that decides. What comes in while it works is taken together: decided, made durable at once, and only
// then told to anybody. Thread-safe.
class Core {
 public:
  struct Options {
    std::string state_dir;         // absolute; must exist
    FileSystem* files = nullptr;   // outlives the core, as does the clock
    const Clock* clock = nullptr;
    Members::Leases leases;
    absl::Duration stall_limit = absl::Seconds(60);
    absl::Duration tick = absl::Milliseconds(100);
    absl::Duration space_limit = absl::Minutes(10);  // how long a full disk is waited for
    // The store failed and nothing is decided any more: the process must end. Called once, on the deciding thread.
    std::function<void(const absl::Status& status)> on_failure;
  };

  // Reads what the store has. FAILED_PRECONDITION for a store of a newer version, UNAVAILABLE when another coordinator
  // has the directory.
  static absl::StatusOr<std::unique_ptr<Core>> Open(Options options);
  ~Core();

  // What is known, for the time of one call.
  struct State {
    Decider& decider;
    Cluster& cluster;  // the decider's
    Store& store;
    JobLogs& logs;
    Cluster::Now now;
  };
  enum class IfFull { kSay, kWait };
  // Runs `decide` on the deciding thread; returns when what it wrote is durable, with its status. CANCELLED when the
  // core has stopped; the store's failure when that failed. While the store has no space nothing is decided: UNAVAILABLE
  // says so and why, or, with kWait, the call waits as long as the core does.
  absl::Status Call(const std::function<absl::Status(State& state)>& decide, IfFull if_full = IfFull::kSay);

  SessionId NextSession() { return SessionId(next_session_.fetch_add(1)); }
  // The session's commands go to this outbox from now on; it is closed when the process has a newer session.
  void Attach(SessionId session, std::shared_ptr<Outbox> outbox);
  void Detach(SessionId session);

  // Counts what has been written. Waits until it differs from `seen`, or `timeout`.
  uint64_t WaitForNews(uint64_t seen, absl::Duration timeout);

  // Decides nothing from now on: what happens as the process ends is nobody's death.
  void Stop();
  bool stopped();

  uint64_t coordinator_term() const { return decider_->coordinator_term(); }
  const std::string& jobs_directory() const { return jobs_directory_; }

 private:
  struct Task {
    std::function<absl::Status(State&)> decide;
    IfFull if_full = IfFull::kWait;
    absl::Status status;
    bool done = false;
  };

  Core(Options options, std::unique_ptr<Store> store, std::string jobs_directory);

  absl::Status Load();
  Cluster::Now Now() const { return {.monotonic = options_.clock->Monotonic(), .wall = options_.clock->Now()}; }
  void Run();
  void Post(std::function<absl::Status(State&)> decide);
  std::vector<std::shared_ptr<Task>> WaitForTasks(absl::Duration until);
  absl::Status WaitForSpace(const std::vector<std::shared_ptr<Task>>& decided, absl::Status failure);
  static void Answer(const std::vector<std::shared_ptr<Task>>& tasks, const absl::Status& status);
  void SendCommands();
  absl::Duration ReportInterval(Role role) const;
  v1::Command MakeCommand(SessionId session) const;
  void Publish(const JobRecord& record, JobEffects::PublishRequest request);
  void FindRestorePoint(const JobRecord& record);
  void RemoveOld(const std::string& job, uint32_t keep, const std::set<CheckpointName>& protect);

  const Options options_;
  const std::unique_ptr<Store> store_;
  const std::string jobs_directory_;
  // Of the deciding thread.
  std::unique_ptr<Decider> decider_;
  JobLogs logs_;
  std::atomic<uint64_t> next_session_ = 1;

  Mutex mutex_;
  CondVar wake_;
  CondVar done_;
  CondVar space_;
  CondVar news_changed_;
  std::vector<std::shared_ptr<Task>> tasks_ ABSL_GUARDED_BY(mutex_);
  absl::Status full_ ABSL_GUARDED_BY(mutex_);  // why nothing is decided
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t news_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<SessionId, std::shared_ptr<Outbox>> outboxes_ ABSL_GUARDED_BY(mutex_);

  std::jthread thread_;
  WorkThread disk_;  // publishes; it posts to the above
};

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_SERVICE_CORE_H_
