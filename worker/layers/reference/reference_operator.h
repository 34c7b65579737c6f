#ifndef BANYAN_WORKER_LAYERS_REFERENCE_REFERENCE_OPERATOR_H_
#define BANYAN_WORKER_LAYERS_REFERENCE_REFERENCE_OPERATOR_H_

#include <algorithm>
#include <cstdint>
#include <memory>

#include "common/random/random.h"
#include "common/random/random_key.h"
#include "worker/layers/operator.h"

namespace banyan::worker {

// What the reference operators share: sizes, and gradients that are cleared before the formulas add to them.
class ReferenceOperator : public Operator {
 public:
  ReferenceOperator(const Graph& graph, const Layer& layer, int64_t samples)
      : layer_(layer), samples_(samples), shape_(graph.tensor(layer.inputs[0]).shape) {
    needs_.inputs_in_backward = true;
    size_ = samples_ * ElementsOf(shape_);
    columns_ = shape_.empty() ? 1 : shape_.back();
    rows_ = size_ / columns_;
  }

  void Backward(const Piece& piece, const BackwardCall& call, Stream& stream) final {
    for (size_t i = 0; i < call.input_gradients.size(); ++i) {
      if (!call.accumulate_inputs[i]) Clear(call.input_gradients[i]);
    }
    for (const View& gradient : call.parameter_gradients) {
      if (!call.accumulate_parameters) Clear(gradient);
    }
    AddGradients(piece, call, stream);
  }

 protected:
  virtual void AddGradients(const Piece& piece, const BackwardCall& call, Stream& stream) = 0;

  const Layer& layer_;
  const int64_t samples_;
  const Shape shape_;  // of one sample of the first input
  int64_t size_ = 0;   // of the first input, all samples
  int64_t rows_ = 0;
  int64_t columns_ = 0;

 private:
  static void Clear(const View& gradient) { std::fill_n(gradient.as<double>(), gradient.size(), 0.0); }
};

// What dropout keeps in a layer.
inline KeepMask MaskOf(const Piece& piece, const Layer& layer, double rate) {
  return KeepMask(MakeRandomKey(piece.key.seed, RandomPurpose::kDropout, piece.key.step, NameHash(layer.name)), rate);
}

// Those without parameters, in reference_pointwise.cc.
std::unique_ptr<Operator> MakeReferenceDropout(const Graph& graph, const Layer& layer, int64_t samples,
                                               const DropoutAttributes& attributes);
std::unique_ptr<Operator> MakeReferenceActivation(const Graph& graph, const Layer& layer, int64_t samples,
                                                  const ActivationAttributes& attributes);
std::unique_ptr<Operator> MakeReferenceAdd(const Graph& graph, const Layer& layer, int64_t samples);
std::unique_ptr<Operator> MakeReferenceCrossEntropy(const Graph& graph, const Layer& layer, int64_t samples);
std::unique_ptr<Operator> MakeReferenceMeanSquaredError(const Graph& graph, const Layer& layer, int64_t samples);

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_LAYERS_REFERENCE_REFERENCE_OPERATOR_H_
