#ifndef BANYAN_WORKER_COMPUTE_PROGRAM_H_
#define BANYAN_WORKER_COMPUTE_PROGRAM_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/graph.h"
#include "worker/compute/gradient_sink.h"
#include "worker/compute/memory_plan.h"
#include "worker/device/device.h"
#include "worker/layers/operator.h"

namespace banyan::worker {

// The weights that a piece reads: a view for each parameter of the graph, by ParameterId.
using Weights = std::span<const ConstView>;

// A graph made ready for pieces of a fixed number of samples: an operator for each layer, and a plan that puts every
// activation, gradient and workspace at a fixed place in one arena. Used by one thread at a time. Neither Forward nor
// Backward allocates or waits.
class Program {
 public:
  // `graph` outlives the program. UNIMPLEMENTED: the factory has no operator for a layer.
  static absl::StatusOr<std::unique_ptr<Program>> Make(const Graph& graph, OperatorFactory& factory, int64_t samples,
                                                       Mode mode);

  int64_t samples() const { return samples_; }
  Mode mode() const { return mode_; }
  int64_t arena_bytes() const { return plan_.bytes; }

  // Puts everything into `arena`, which has at least arena_bytes() and outlives the program. Once, before the rest.
  void Bind(const Buffer& arena);

  // From now on counts in `counter`, which outlives the program, every layer that it has gone through, either way.
  void CountIn(std::atomic<uint64_t>* counter) { counter_ = counter; }

  // `targets` may be absent where the mode is kEvaluate: the loss is then left out.
  void Forward(const Piece& piece, const ConstView& input, const ConstView& targets, Weights weights, Stream& stream);
  // After Forward with the same arguments. `accumulate`: not the leaf's first piece. `last`: the leaf's last, whose
  // gradients are complete.
  void Backward(const Piece& piece, Weights weights, bool accumulate, bool last, GradientSink& sink, Stream& stream);

  // Valid from Forward to the next use of the arena: two fp64, {sum of losses, sum of weights}.
  ConstView loss() const { return loss_; }
  // The same, in kEvaluate: [samples, shape of the graph's prediction].
  ConstView prediction() const { return prediction_; }

 private:
  struct Step {
    const Layer* layer = nullptr;
    std::unique_ptr<Operator> op;
    ForwardCall forward = {};
    BackwardCall backward = {};
  };
  // A view of the arena that Bind fills in: a block of the plan, and who holds it.
  struct Place {
    size_t block = 0;
    DType dtype = DType::kU8;
    int64_t size = 0;
  };

  Program(const Graph& graph, int64_t samples, Mode mode, DType real);

  int64_t size_of(TensorId id) const { return samples_ * ElementsOf(graph_.tensor(id).shape); }
  bool external(TensorId id) const { return id == graph_.input || id == graph_.targets; }
  void Count() {
    if (counter_ != nullptr) counter_->fetch_add(1, std::memory_order_relaxed);
  }
  int32_t backward_moment(size_t layer) const { return static_cast<int32_t>(2 * steps_.size() - 1 - layer); }
  size_t AddBlock(int64_t bytes, int32_t first, int32_t last);
  Place AddPlace(DType dtype, int64_t size, int32_t first, int32_t last);
  View Resolve(const Buffer& arena, const Place& place) const;
  void FindWantedGradients();
  void PlanActivations();
  void PlanGradients();
  void PlanWorkspaces();
  void BindStep(const Buffer& arena, size_t index);

  const Graph& graph_;
  const int64_t samples_;
  const Mode mode_;
  const DType real_;
  std::vector<Step> steps_;
  std::vector<Lifetime> blocks_;
  std::vector<bool> wants_gradient_;      // by tensor
  std::vector<Place> activations_;        // by tensor
  std::vector<Place> gradients_;          // by tensor
  std::vector<Place> saved_;              // by layer, as the two below
  std::vector<Place> forward_workspace_;
  std::vector<Place> backward_workspace_;
  Place loss_place_;
  MemoryPlan plan_;
  View loss_;
  ConstView prediction_;
  std::atomic<uint64_t>* counter_ = nullptr;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_COMPUTE_PROGRAM_H_
