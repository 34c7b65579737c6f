#ifndef BANYAN_TESTS_SIMULATOR_OUTCOME_H_
#define BANYAN_TESTS_SIMULATOR_OUTCOME_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/time/time.h"
#include "common/file/file_system.h"
#include "tests/simulator/simulated_job.h"
#include "tests/simulator/simulated_store.h"
#include "tests/simulator/witness.h"

namespace banyan::simulator {

// What became of a run.
struct Outcome {
  bool succeeded = false;
  std::string trouble;     // empty: all is as it must be
  std::string state_hash;  // of the last checkpoint
  std::string story;       // the last events of the job, a line each, where there is trouble
  absl::Duration took;     // simulated
  std::map<std::string, uint64_t> counts;  // of what happened in it
};

// Compares what job `id` left behind with the values that it has by definition: one line a step, its evaluations, and
// the last checkpoint's every bit; of a fork the state that it began with, too. Puts into `outcome` what differs, and
// the checkpoint's hash. With `authors` the values are those that workers and the coordinator were told.
void CheckResult(const SimulatedJob& job, const std::string& id, const SimulatedStore& store, const Witness& witness,
                 bool authors, FileSystem& disk, Outcome& outcome);

}  // namespace banyan::simulator

#endif  // BANYAN_TESTS_SIMULATOR_OUTCOME_H_
