#ifndef BANYAN_CLI_CHAOS_CHAOS_H_
#define BANYAN_CLI_CHAOS_CHAOS_H_

#include <map>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "cli/base/environment.h"
#include "cli/chaos/chaos_plan.h"
#include "cli/client/jobs_client.h"
#include "cli/cluster/local_cluster.h"
#include "common/base/sync.h"

namespace banyan::cli {

// Does to a local cluster what a plan says, from its making on until Stop, and says so on environment.err. Thread-safe.
class Chaos {
 public:
  // `job` by its id. Cluster and client outlive it.
  Chaos(Environment& environment, LocalCluster& cluster, JobsClient& client, std::string job,
        const ChaosPlan::Options& options);
  // Stops.
  ~Chaos();

  // What stood still goes on. How often what was done.
  std::map<std::string, int> Stop();

 private:
  void Run();
  ChaosPlan::View Look();
  void Do(const ChaosPlan::Act& act);
  // Those whose time is over, or all.
  void Thaw(bool all);
  // False: it is time to stop.
  bool WaitUntil(absl::Duration time);

  Environment& environment_;
  LocalCluster& cluster_;
  JobsClient& client_;
  const std::string job_;
  ChaosPlan plan_;                                 // of the thread, as is what follows
  std::map<std::string, absl::Duration> frozen_;  // by name: until when
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace banyan::cli

#endif  // BANYAN_CLI_CHAOS_CHAOS_H_
