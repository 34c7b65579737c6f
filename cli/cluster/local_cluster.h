#ifndef BANYAN_CLI_CLUSTER_LOCAL_CLUSTER_H_
#define BANYAN_CLI_CLUSTER_LOCAL_CLUSTER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/cluster/child_process.h"
#include "cli/cluster/folder_lock.h"
#include "cli/cluster/processes_file.h"
#include "common/base/sync.h"
#include "common/file/file_system.h"

namespace banyan::cli {

// A coordinator, servers and workers as processes of this machine, on loopback. State of each in
// `state_dir`/<name>, its log in `state_dir`/logs/<name>.log, the token in `state_dir`/token, and processes.json.
//
// A process that ends is started again (a coordinator at its old port), and all of them drain when this process ends in
// whatever way, for they watch a pipe. A state directory has one cluster at a time. Thread-safe.
class LocalCluster {
 public:
  struct Options {
    std::string programs;            // folder of banyan-coordinator, banyan-server and banyan-worker
    std::string state_dir;           // made where it is missing
    std::vector<std::string> roots;  // `name=/folder`, what jobs may read
    uint64_t servers = 1;
    uint64_t workers = 1;
    uint64_t threads = 1;  // of a worker: leaves side by side

    absl::Duration ready_timeout = absl::Seconds(30);
    absl::Duration stop_timeout = absl::Seconds(10);  // from SIGTERM to SIGKILL
    // A process is started again after this, and twice as long after each further end, up to `most_back_off`, until it
    // has ended `most_restarts` times too often. One that ran for `steady` has a fresh start.
    absl::Duration first_back_off = absl::Milliseconds(200);
    absl::Duration most_back_off = absl::Seconds(5);
    absl::Duration steady = absl::Seconds(10);
    int most_restarts = 10;
    // Told in words when a process ends and starts again; on a thread of this object.
    std::function<void(const std::string&)> say = [](const std::string&) {};
  };

  // Returns when every process is ready. On an error none is left. FAILED_PRECONDITION: another process has a cluster in
  // the state directory.
  static absl::StatusOr<std::unique_ptr<LocalCluster>> Start(FileSystem& files, Options options);

  // Stops it.
  ~LocalCluster();

  const std::string& state_dir() const { return options_.state_dir; }  // absolute
  const std::string& coordinator() const { return coordinator_; }  // host:port
  std::string token_file() const;
  std::vector<LocalProcess> processes() const;

  // ---- While it runs; each begins to happen. A name that is not there is ignored: it may just have gone.

  // One more process of the role, "server" or "worker"; returns its name.
  std::string Add(const std::string& role);
  // It drains, and is not started again.
  void Remove(const std::string& name);
  // To the process and its own children.
  void Signal(const std::string& name, int signal);

  // Ends workers, then servers, then the coordinator, and removes processes.json. Does nothing the second time.
  absl::Status Stop();

 private:
  struct Member {
    LocalProcess process;
    std::unique_ptr<ChildProcess> child;  // null between an end and the next start
    int restarts = 0;
    absl::Time ready_since = absl::InfiniteFuture();
    absl::Time start_again = absl::InfiniteFuture();
    bool leaves = false;  // is not started again
  };

  LocalCluster(FileSystem& files, Options options);

  absl::Status Launch();
  std::vector<std::string> CommandOf(const LocalProcess& process) const;
  absl::Status Spawn(Member& member);
  absl::Status AwaitReady(Member& member);
  absl::Status SaveProcesses() const;
  void EndRole(const std::string& role);
  void Supervise();
  // Waits until something happens; false when it is time to stop.
  bool WaitForEvent();
  void NoticeEnds();
  void StartAgain();
  void Forget(const std::string& name);
  Member* Find(const std::string& name);
  // Has the supervisor do it.
  void Post(std::function<void()> task);
  void DoPosted();

  FileSystem& files_;
  const Options options_;
  Descriptor lock_;   // of the state directory
  Pipe parent_pipe_;  // the children hold the reading end
  Pipe stop_pipe_;    // closed to end the supervisor
  std::string coordinator_;
  Pipe wake_pipe_;    // a byte for each posted task
  // Of the supervisor while it runs; otherwise of whoever starts and stops. Only `process` is read by others.
  std::vector<Member> members_;
  mutable Mutex mutex_;  // guards which members there are, and members_[i].process
  std::map<std::string, int> next_index_ ABSL_GUARDED_BY(mutex_);  // by role
  std::vector<std::function<void()>> posted_ ABSL_GUARDED_BY(mutex_);
  Mutex stop_mutex_;
  bool stopped_ ABSL_GUARDED_BY(stop_mutex_) = false;
  std::jthread supervisor_;
};

}  // namespace banyan::cli

#endif  // BANYAN_CLI_CLUSTER_LOCAL_CLUSTER_H_
