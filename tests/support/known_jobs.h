#ifndef BANYAN_TESTS_SUPPORT_KNOWN_JOBS_H_
#define BANYAN_TESTS_SUPPORT_KNOWN_JOBS_H_

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/support/hand_cluster.h"

namespace banyan::testing {

// The linear and the GPT job ("linear", "gpt") on a cluster by hand, of which it is known what each comes to when
// nothing happens to it. Thread-compatible.
class KnownJobs {
 public:
  using Json = nlohmann::json;

  struct Job {
    std::string name;
    std::string id;
    int step = 0;  // that it has come to
  };

  // Writes their files into the cluster's folder. `run`: of both, as in tests/support/jobs.h; `flags`: of every submit.
  KnownJobs(HandCluster& cluster, int steps, const std::string& run, uint32_t seed,
            std::vector<std::string> flags = {});

  // A job that has come to a step drawn from the seed, `first` to `last`. Before the first of a name runs one that is
  // left alone.
  Job Begin(const std::string& name, int first, int last, const std::vector<std::string>& flags = {});

  // How many chunks of the model, and of evaluation, are updated in a step, on all servers; at most.
  int ChunksAStep(const std::string& name);

  // Its end, which must be that of the one left alone, to the last bit of every line. Returns its result.
  Json ExpectTheAnswer(const Job& job);

 private:
  struct Reference {
    Json result;
    std::vector<std::string> lines;
  };

  std::string Submit(const std::string& name, const std::vector<std::string>& flags = {});
  const Reference& LeftAlone(const std::string& name);
  std::vector<std::string> Lines(const std::string& id) const;

  HandCluster& cluster_;
  const int steps_;
  const std::vector<std::string> flags_;
  std::mt19937 random_;
  std::map<std::string, Reference> references_;
};

}  // namespace banyan::testing

#endif  // BANYAN_TESTS_SUPPORT_KNOWN_JOBS_H_
