#ifndef BANYAN_WORKER_COMPUTE_LANE_H_
#define BANYAN_WORKER_COMPUTE_LANE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/compute/gradient_sink.h"
#include "worker/compute/program.h"
#include "worker/device/device.h"
#include "worker/layers/operator.h"

namespace banyan::worker {

// One leaf's samples: input [samples, shape of the graph's input], targets likewise, both on the device.
struct LeafData {
  StepKey key = {};
  int64_t first_sample = 0;  // index of the leaf's first sample in the step's batch
  int64_t samples = 0;
  ConstView input = {};
  ConstView targets = {};
};

struct LeafLoss {
  double sum = 0;     // of the losses of the leaf's samples or tokens
  double weight = 0;  // how many they are

  friend bool operator==(const LeafLoss&, const LeafLoss&) = default;
};

// What one compute thread needs to run leaves one after another: programs, an arena, a stream. A worker has as many
// lanes as it runs leaves side by side; they share nothing but weights. Used by one thread, whose first act was
// Device::EnterComputeThread. After the first leaf of each size nothing is allocated.
//
// A leaf is cut into pieces of `micro` samples (the last may be smaller) whose gradients are added in order into the
// sink's accumulators; losses likewise, in fp64. Bits are a function of the leaf, the weights, `micro` and the device
// kind.
class Lane {
 public:
  struct Options {
    int64_t micro = 0;  // samples a piece; 0: the whole leaf
  };

  // `graph`, `device` and `factory` outlive the lane.
  static absl::StatusOr<std::unique_ptr<Lane>> Create(const Graph& graph, Device& device, OperatorFactory& factory,
                                                      const Options& options);

  // Makes programs and memory ready for leaves of `samples` samples. Otherwise the first such leaf does.
  absl::Status Prepare(int64_t samples, Mode mode);

  // Forward and backward of every piece. Each use of a trained parameter is complete in `sink` when it returns, or was
  // never asked for: an error means that nothing of the leaf may be used.
  absl::StatusOr<LeafLoss> Train(const LeafData& leaf, Weights weights, GradientSink& sink);
  // Forward only, without dropout.
  absl::StatusOr<LeafLoss> Evaluate(const LeafData& leaf, Weights weights);
  // The graph's prediction (logits [samples, context, vocabulary] of a GPT) for `samples` inputs, without dropout and
  // without targets. Valid until the lane's next call. For a causal model, what stands behind a position does not
  // change its prediction, so a shorter text is given with anything behind it.
  absl::StatusOr<ConstView> Predict(const ConstView& input, int64_t samples, Weights weights);

  // Layers gone through so far, forward and backward each. Any thread may ask.
  uint64_t layers_run() const { return layers_run_.load(std::memory_order_relaxed); }

  // Bytes of all arenas.
  int64_t memory_bytes() const;

 private:
  Lane(const Graph& graph, Device& device, OperatorFactory& factory, const Options& options)
      : graph_(graph), device_(device), factory_(factory), options_(options) {}

  int64_t PieceSamples(int64_t leaf_samples) const;
  absl::StatusOr<Program*> ProgramFor(int64_t samples, Mode mode);
  absl::StatusOr<LeafLoss> Run(const LeafData& leaf, Weights weights, Mode mode, GradientSink* sink);

  const Graph& graph_;
  Device& device_;
  OperatorFactory& factory_;
  const Options options_;
  std::atomic<uint64_t> layers_run_ = 0;
  std::unique_ptr<Stream> stream_;
  std::vector<Buffer> arenas_;  // the last is the largest; earlier ones serve the programs bound to them
  std::map<std::pair<int64_t, Mode>, std::unique_ptr<Program>> programs_;
  std::vector<std::array<double, 2>> losses_;  // by piece
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_COMPUTE_LANE_H_
