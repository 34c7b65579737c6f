#ifndef BANYAN_TESTS_SIMULATOR_WITNESS_H_
#define BANYAN_TESTS_SIMULATOR_WITNESS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "common/protocol/messages.h"
#include "tests/simulator/simulated_job.h"
#include "tests/simulator/simulated_store.h"

namespace banyan::simulator {

// Looks on at all that workers are told and servers report of one job, for what must hold at every moment
// (docs/protocol.md): a chunk has one owner in an epoch; weights, entries, sums and norms have one value in a term,
// which a restore keeps; what was served is lost by no promotion (I4, I7). Without `authors` the values are the job's own.
// Thread-compatible.
class Witness {
 public:
  // Both outlive the witness.
  Witness(const SimulatedJob* job, std::string id, const SimulatedStore* store, bool authors)
      : job_(*job), id_(std::move(id)), store_(*store), authors_(authors) {}

  void OnTold(Incarnation server, const ToWorker& message);
  void OnEntry(const Entry& entry);
  void OnSum(const Sum& sum);

  // Of the weights that `term` served @step, if it did.
  std::optional<uint64_t> WeightsChecksum(Term term, Step step, ChunkId chunk) const;
  // Whether a line is made of the entries of a single term.
  bool IsOfOneTerm(const coordinator::LedgerLine& line) const;

  // What was seen that must never be; empty: nothing.
  const std::string& trouble() const { return trouble_; }

 private:
  struct Served {
    Epoch epoch = 0;
    Step step = 0;
  };
  using Name = std::tuple<Term, Step, ChunkId>;

  void OnOwner(Term term, Epoch epoch, ChunkId chunk, Incarnation server);
  void OnWeights(const Weights& weights);
  void OnState(const State& state);
  // The term that made the state @step with which `term` began, or itself.
  Term MakerOf(Term term, Step step) const;

  const SimulatedJob& job_;
  const std::string id_;
  const SimulatedStore& store_;
  const bool authors_;
  std::map<std::tuple<Term, Epoch, ChunkId>, Incarnation> owners_;
  std::map<std::pair<Term, ChunkId>, Served> served_;  // the newest
  std::map<Name, uint64_t> checksums_;
  std::map<Name, uint64_t> fingerprints_;
  std::map<std::pair<Term, Step>, std::optional<double>> norms_;
  std::map<std::tuple<Term, Step, ChunkId, uint32_t>, double> sums_;  // by segment
  std::string trouble_;
};

}  // namespace banyan::simulator

#endif  // BANYAN_TESTS_SIMULATOR_WITNESS_H_
