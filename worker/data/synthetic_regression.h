#ifndef BANYAN_WORKER_DATA_SYNTHETIC_REGRESSION_H_
#define BANYAN_WORKER_DATA_SYNTHETIC_REGRESSION_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "common/data/held_out.h"
#include "common/random/random.h"
#include "worker/data/dataset.h"

namespace banyan::worker {

// y = W x + b + noise, made up from a seed, the same on every machine: x, W and b are standard normal, the noise normal
// with standard deviation `noise`. Sample i's x is elements i*features .. of the sequence named "features"; its noise
// elements i*targets .. of "noise"; W [targets, features] and b are the sequences "weight" and "bias" (purpose
// kSynthesize, step 0). Sums are in fp64 in order of the features. The held-out part is the last samples.
//
// facts().hash is SHA-256 of the line, ended by a newline, in which the noise is its fp64 bits in hex,
//   synthetic_regression seed=S features=F targets=T noise=<16 digits> training=<samples> held_out=<samples>
class SyntheticRegression final : public Dataset {
 public:
  struct Options {
    uint64_t seed = 0;
    uint32_t features = 1;
    uint32_t targets = 1;
    uint64_t samples = 1;  // training and held-out together
    double noise = 0.1;
    double held_out = 0;   // share of the samples, [0, 1)
  };

  // INVALID_ARGUMENT for weights of more than 1 GiB, and where there is no second sample to be held out.
  static absl::StatusOr<std::unique_ptr<SyntheticRegression>> Make(const Options& options);

  size_t input_bytes() const override { return options_.features * sizeof(float); }
  size_t target_bytes() const override { return options_.targets * sizeof(float); }
  void Read(DataPart part, uint64_t sample, std::span<std::byte> input, std::span<std::byte> target) const override;

 private:
  explicit SyntheticRegression(const Options& options);

  const Options options_;
  const DataSplit split_;
  const RandomKey features_;
  const RandomKey noise_;
  std::vector<float> weight_;  // [targets, features]
  std::vector<float> bias_;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_DATA_SYNTHETIC_REGRESSION_H_
