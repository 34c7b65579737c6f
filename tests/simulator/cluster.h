#ifndef BANYAN_TESTS_SIMULATOR_CLUSTER_H_
#define BANYAN_TESTS_SIMULATOR_CLUSTER_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "common/protocol/messages.h"
#include "server/shard/toy_job.h"
#include "tests/simulator/server_host.h"
#include "worker/training/set_layout.h"

namespace banyan::simulator {

struct ClusterOptions {
  uint64_t seed = 1;
  const server::ToyJob* job = nullptr;
  const worker::SetLayout* layout = nullptr;
};

// What became of a job.
struct Outcome {
  bool finished = false;
  std::string trouble;  // what is wrong: who waits for what where it did not finish, what differs where it did
  uint64_t events = 0;
  uint64_t breaks = 0;       // of streams
  uint64_t worker_deaths = 0;
  uint64_t server_deaths = 0;  // each a new term
  uint64_t moves = 0;          // new assignments
  uint64_t recomputed = 0;
  uint64_t dropped_sets = 0;
  uint64_t duplicates = 0;     // partials that a server had already
};

// Runs the job on a cluster of real worker, shard and gate machines in simulated time. What happens follows from the
// seed: how many there are of each, how slow they are, what is in the window's pool, how late messages come (in order
// within a stream, in any order across them), which streams break with what is under way arriving late or never, who
// dies, who joins, which leaves move. Compares every line, the last weights and slots with the job's own.
Outcome RunCluster(const ClusterOptions& options);

}  // namespace banyan::simulator

#endif  // BANYAN_TESTS_SIMULATOR_CLUSTER_H_
