#ifndef BANYAN_WORKER_GENERATION_SAMPLER_H_
#define BANYAN_WORKER_GENERATION_SAMPLER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace banyan::worker {

// How the next token is chosen.
struct SamplingOptions {
  double temperature = 1;  // logits are divided by it; 0: always the likeliest token
  uint64_t top_k = 0;      // only the k likeliest; 0: all
  double top_p = 1;        // of those, the fewest likeliest whose probabilities add up to at least this (nucleus
                           // sampling, Holtzman et al. 2020), in (0, 1]
  uint64_t seed = 0;

  // INVALID_ARGUMENT names the option that is out of its range.
  absl::Status Validate() const;
};

// Chooses tokens from logits: a function of (logits, options, position) alone, the same on every machine. Softmax is in
// fp64; of equal logits the lower token stands first. The draw is the first 53-bit number of Philox's sequence (seed,
// kGenerate, step = position). Thread-compatible.
class Sampler {
 public:
  // `options` are valid.
  explicit Sampler(const SamplingOptions& options) : options_(options) {}

  // The token at `position` of the text. `logits` are not empty. INVALID_ARGUMENT where one is NaN or positive
  // infinity, or all are negative infinity, which alone means never.
  absl::StatusOr<int32_t> Sample(std::span<const float> logits, uint64_t position);

 private:
  struct Candidate {
    float logit;
    int32_t token;
  };

  void KeepLikeliest();

  const SamplingOptions options_;
  std::vector<Candidate> candidates_;  // from the likeliest on
  std::vector<double> weights_;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_GENERATION_SAMPLER_H_
