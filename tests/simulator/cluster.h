#ifndef BANYAN_TESTS_SIMULATOR_CLUSTER_H_
#define BANYAN_TESTS_SIMULATOR_CLUSTER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/simulator/event_queue.h"
#include "tests/simulator/scripted_shard.h"
#include "tests/simulator/toy_model.h"
#include "tests/simulator/worker_host.h"

namespace banyan::simulator {

// One simulated job: what happens to it follows from `seed`.
struct ClusterOptions {
  uint64_t seed = 1;
  uint32_t leaves = 8;
  Step steps = 4;
  uint32_t evaluate_every = 2;
  std::vector<size_t> chunk_sizes = {5, 4, 6, 3};
  std::vector<worker::Position> positions = {
      {ChunkId(0), 0}, {ChunkId(1), 0}, {ChunkId(2), 0}, {ChunkId(3), 0}, {ChunkId(1), 1}};

  bool Evaluate(Step step) const {
    return step > 1 && (step == steps + 1 || (step - 1) % evaluate_every == 0);
  }
};

// What a job came to.
struct Outcome {
  bool finished = false;
  std::string trouble;  // who waited for what, where it did not finish
  Values weights;
  std::map<std::pair<Step, uint32_t>, LeafLoss> entries;
  uint64_t events = 0;
  uint64_t breaks = 0;
  uint64_t deaths = 0;
  uint64_t moves = 0;
  uint64_t recomputed = 0;
  uint64_t dropped_sets = 0;
};

// The outcome by definition: one leaf after the other, in one place.
Outcome Reference(const ClusterOptions& options);

// The outcome of a cluster of workers and servers on simulated time whose streams delay and break, whose workers are
// slow, die and come, and whose leaves move.
Outcome RunCluster(const ClusterOptions& options);

}  // namespace banyan::simulator

#endif  // BANYAN_TESTS_SIMULATOR_CLUSTER_H_
