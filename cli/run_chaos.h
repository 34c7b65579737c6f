#ifndef BANYAN_CLI_RUN_CHAOS_H_
#define BANYAN_CLI_RUN_CHAOS_H_

#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "cli/base/command.h"
#include "cli/base/flags.h"
#include "cli/cluster/local_cluster.h"
#include "proto/client.pb.h"

namespace banyan::cli {

// The flags of `run` that have its processes hit.
struct ChaosFlags {
  bool on = false;
  std::optional<uint64_t> seed;
  std::optional<absl::Duration> every;

  void AddTo(Flags& flags);
};

// What the job needs to live through it, none of which changes its answer: fewer workers will do, more may come, and
// where there are several servers each chunk has a second copy. `workers`: that it begins with.
void PrepareForChaos(uint64_t workers, v1::Job& job);

// Submits the job, hits the cluster's processes while it runs, then runs it once more undisturbed and says whether both
// ended with the same state: kJobFailed where they did not, else the job's code.
ExitCode RunWithChaos(Environment& environment, LocalCluster& cluster, JobsClient& client, Interrupts& interrupts,
                      const v1::SubmitRequest& request, const ChaosFlags& flags, bool json);

}  // namespace banyan::cli

#endif  // BANYAN_CLI_RUN_CHAOS_H_
