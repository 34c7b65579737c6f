#ifndef BANYAN_TESTS_SIMULATOR_WITNESS_H_
#define BANYAN_TESTS_SIMULATOR_WITNESS_H_

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "common/protocol/messages.h"
#include "tests/simulator/simulated_job.h"

namespace banyan::simulator {

// Looks on at all that workers are told, for what must hold at every moment (docs/protocol.md): a chunk has one owner
// in an epoch; weights have one value in a term, the job's own; what was served is lost by no promotion (I4, I7).
// Thread-compatible.
class Witness {
 public:
  explicit Witness(const SimulatedJob* job) : job_(*job) {}

  void OnTold(Incarnation server, const ToWorker& message);

  // What was seen that must never be; empty: nothing.
  const std::string& trouble() const { return trouble_; }

 private:
  struct Served {
    Epoch epoch = 0;
    Step step = 0;
  };

  void OnOwner(Term term, Epoch epoch, ChunkId chunk, Incarnation server);
  void OnWeights(const Weights& weights);
  void OnState(const State& state);

  const SimulatedJob& job_;
  std::map<std::tuple<Term, Epoch, ChunkId>, Incarnation> owners_;
  std::map<std::pair<Term, ChunkId>, Served> served_;  // the newest
  std::string trouble_;
};

}  // namespace banyan::simulator

#endif  // BANYAN_TESTS_SIMULATOR_WITNESS_H_
