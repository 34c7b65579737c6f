#ifndef BANYAN_TESTS_SIMULATOR_DECISIONS_H_
#define BANYAN_TESTS_SIMULATOR_DECISIONS_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "coordinator/cluster/cluster.h"

namespace banyan::simulator {

// Looks at all that the coordinator decides, for what must hold whenever it tells anybody: a new assignment gives
// leaves to those only who are there, and workers beyond run.workers.max are gone when a second and some steps have
// passed. Thread-compatible.
class Decisions {
 public:
  // What is durable and about to be told.
  void Look(const coordinator::Cluster& cluster, absl::Time now);

  // What was seen that must never be; empty: nothing.
  const std::string& trouble() const { return trouble_; }

 private:
  void LookAtAssignment(const coordinator::JobMachine& job);
  void LookAtCrew(const coordinator::JobMachine& job, absl::Time now);

  std::map<std::string, std::pair<Term, uint64_t>> versions_;        // by job: the assignment that was seen last
  struct Beyond {
    uint32_t max = 0;
    Step step = 0;
    absl::Time time;
  };
  std::map<std::string, Beyond> beyond_since_;  // by job: since when there are more workers than that
  std::string trouble_;
};

}  // namespace banyan::simulator

#endif  // BANYAN_TESTS_SIMULATOR_DECISIONS_H_
