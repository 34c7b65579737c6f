#ifndef BANYAN_WORKER_LAYERS_OPERATOR_H_
#define BANYAN_WORKER_LAYERS_OPERATOR_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/graph.h"
#include "worker/device/device.h"
#include "worker/device/view.h"

namespace banyan::worker {

// Which random numbers a step draws.
struct StepKey {
  uint64_t seed = 0;
  uint64_t step = 0;  // from 1
};

// What is known of the piece of a leaf that an operator works on, beside its tensors.
struct Piece {
  StepKey key;
  int64_t first_sample = 0;  // index of the piece's first sample in the step's batch
};

// The memory plan's questions. Workspace lasts for one call; what is saved lasts from forward to backward.
struct OperatorNeeds {
  bool inputs_in_backward = false;
  bool outputs_in_backward = false;
  int64_t saved_bytes = 0;
  int64_t forward_workspace_bytes = 0;
  int64_t backward_workspace_bytes = 0;
};

// Whether forward writes `saved`, which only backward reads.
enum class Mode : uint8_t { kTrain, kEvaluate };

// All views of a call are of the operator's own device, contiguous, row-major, samples outermost. Vectors are in the
// order of the layer's inputs, outputs and parameters; a loss has no outputs.
struct ForwardCall {
  Mode mode = Mode::kTrain;  // kEvaluate also turns dropout off
  std::vector<ConstView> inputs = {};
  std::vector<View> outputs = {};
  std::vector<ConstView> parameters = {};
  View loss = {};  // losses only: two fp64, {sum of losses, sum of weights}, overwritten
  View saved = {};
  View workspace = {};
};

struct BackwardCall {
  std::vector<ConstView> inputs = {};   // absent unless inputs_in_backward; a loss's always given
  std::vector<ConstView> outputs = {};  // absent unless outputs_in_backward
  std::vector<ConstView> parameters = {};
  std::vector<View> output_gradients = {};  // the operator may overwrite them
  // Absent where nobody wants it. Overwritten, or added to where accumulate_inputs says so.
  std::vector<View> input_gradients = {};
  std::vector<bool> accumulate_inputs = {};
  // Overwritten, or all added to: true for every piece of a leaf but the first.
  std::vector<View> parameter_gradients = {};
  bool accumulate_parameters = false;
  View saved = {};
  View workspace = {};
};

// One layer of a graph made ready for one device and a fixed number of samples. Forward and Backward enqueue on
// `stream` and return; they neither allocate nor wait. Bits depend on the arguments' values alone: not on addresses,
// not on what ran before, not on threads. Used by one thread at a time.
//
// A loss is a sum, never a mean, so no gradient is divided: the root of the step's tree is.
class Operator {
 public:
  virtual ~Operator() = default;

  const OperatorNeeds& needs() const { return needs_; }
  virtual void Forward(const Piece& piece, const ForwardCall& call, Stream& stream) = 0;
  virtual void Backward(const Piece& piece, const BackwardCall& call, Stream& stream) = 0;

 protected:
  OperatorNeeds needs_;
};

// Makes a device's operators. Thread-safe.
class OperatorFactory {
 public:
  virtual ~OperatorFactory() = default;

  // What activations and their gradients are made of; parameters and their gradients too where it is fp64.
  virtual DType real() const = 0;
  // The operator for `layer` of `graph` (both outlive it) on `samples` samples. UNIMPLEMENTED names the layer's type.
  virtual absl::StatusOr<std::unique_ptr<Operator>> Make(const Graph& graph, const Layer& layer, int64_t samples) = 0;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_LAYERS_OPERATOR_H_
