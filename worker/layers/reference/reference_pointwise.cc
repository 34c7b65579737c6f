#include <algorithm>
#include <memory>
#include <vector>

#include "worker/layers/reference/formulas.h"
#include "worker/layers/reference/reference_operator.h"

namespace banyan::worker {
namespace {

class Dropout final : public ReferenceOperator {
 public:
  Dropout(const Graph& graph, const Layer& layer, int64_t samples, const DropoutAttributes& attributes)
      : ReferenceOperator(graph, layer, samples), rate_(attributes.rate) {}

  void Forward(const Piece& piece, const ForwardCall& call, Stream&) override {
    std::fill_n(call.outputs[0].as<double>(), size_, 0.0);
    AddKept(piece, call.mode == Mode::kTrain ? rate_ : 0, call.inputs[0].as<double>(), call.outputs[0].as<double>());
  }

 private:
  void AddGradients(const Piece& piece, const BackwardCall& call, Stream&) override {
    if (!call.input_gradients[0].present()) return;
    AddKept(piece, rate_, call.output_gradients[0].as<double>(), call.input_gradients[0].as<double>());
  }

  void AddKept(const Piece& piece, double rate, const double* x, double* y) const {
    const KeepMask mask = MaskOf(piece, layer_, rate);
    const int64_t first = piece.first_sample * (size_ / samples_);
    for (int64_t i = 0; i < size_; ++i) {
      if (rate == 0 || mask.Keeps(static_cast<uint64_t>(first + i))) y[i] += x[i] / (1 - rate);
    }
  }

  const double rate_;
};

class ActivationOperator final : public ReferenceOperator {
 public:
  ActivationOperator(const Graph& graph, const Layer& layer, int64_t samples, const ActivationAttributes& attributes)
      : ReferenceOperator(graph, layer, samples), activation_(attributes.activation) {}

  void Forward(const Piece&, const ForwardCall& call, Stream&) override {
    for (int64_t i = 0; i < size_; ++i) {
      call.outputs[0].as<double>()[i] = reference::Activate(activation_, call.inputs[0].as<double>()[i]).value;
    }
  }

 private:
  void AddGradients(const Piece&, const BackwardCall& call, Stream&) override {
    if (!call.input_gradients[0].present()) return;
    for (int64_t i = 0; i < size_; ++i) {
      call.input_gradients[0].as<double>()[i] +=
          call.output_gradients[0].as<double>()[i] *
          reference::Activate(activation_, call.inputs[0].as<double>()[i]).derivative;
    }
  }

  const Activation activation_;
};

class Add final : public ReferenceOperator {
 public:
  Add(const Graph& graph, const Layer& layer, int64_t samples)
      : ReferenceOperator(graph, layer, samples) {}

  void Forward(const Piece&, const ForwardCall& call, Stream&) override {
    for (int64_t i = 0; i < size_; ++i) {
      call.outputs[0].as<double>()[i] = call.inputs[0].as<double>()[i] + call.inputs[1].as<double>()[i];
    }
  }

 private:
  void AddGradients(const Piece&, const BackwardCall& call, Stream&) override {
    for (const View& gradient : call.input_gradients) {
      for (int64_t i = 0; i < gradient.size(); ++i) {
        gradient.as<double>()[i] += call.output_gradients[0].as<double>()[i];
      }
    }
  }
};

class CrossEntropy final : public ReferenceOperator {
 public:
  CrossEntropy(const Graph& graph, const Layer& layer, int64_t samples)
      : ReferenceOperator(graph, layer, samples) {}

  void Forward(const Piece&, const ForwardCall& call, Stream&) override {
    double sum = 0;
    for (int64_t r = 0; r < rows_; ++r) {
      sum += reference::CrossEntropy(call.inputs[0].as<double>() + r * columns_, columns_,
                                     call.inputs[1].as<int32_t>()[r]);
    }
    call.loss.as<double>()[0] = sum;
    call.loss.as<double>()[1] = static_cast<double>(rows_);
  }

 private:
  void AddGradients(const Piece&, const BackwardCall& call, Stream&) override {
    if (!call.input_gradients[0].present()) return;
    for (int64_t r = 0; r < rows_; ++r) {
      reference::CrossEntropyBackward(call.inputs[0].as<double>() + r * columns_, columns_,
                                      call.inputs[1].as<int32_t>()[r],
                                      call.input_gradients[0].as<double>() + r * columns_);
    }
  }
};

class MeanSquaredError final : public ReferenceOperator {
 public:
  MeanSquaredError(const Graph& graph, const Layer& layer, int64_t samples)
      : ReferenceOperator(graph, layer, samples), share_(static_cast<double>(samples) / static_cast<double>(size_)) {}

  void Forward(const Piece&, const ForwardCall& call, Stream&) override {
    double sum = 0;
    for (int64_t i = 0; i < size_; ++i) sum += Distance(call.inputs, i) * Distance(call.inputs, i) * share_;
    call.loss.as<double>()[0] = sum;
    call.loss.as<double>()[1] = static_cast<double>(samples_);
  }

 private:
  void AddGradients(const Piece&, const BackwardCall& call, Stream&) override {
    if (!call.input_gradients[0].present()) return;
    for (int64_t i = 0; i < size_; ++i) {
      call.input_gradients[0].as<double>()[i] += 2 * Distance(call.inputs, i) * share_;
    }
  }

  static double Distance(const std::vector<ConstView>& inputs, int64_t i) {
    return inputs[0].as<double>()[i] - inputs[1].as<double>()[i];
  }

  const double share_;
};

}  // namespace

std::unique_ptr<Operator> MakeReferenceDropout(const Graph& graph, const Layer& layer, int64_t samples,
                                               const DropoutAttributes& attributes) {
  return std::make_unique<Dropout>(graph, layer, samples, attributes);
}

std::unique_ptr<Operator> MakeReferenceActivation(const Graph& graph, const Layer& layer, int64_t samples,
                                                  const ActivationAttributes& attributes) {
  return std::make_unique<ActivationOperator>(graph, layer, samples, attributes);
}

std::unique_ptr<Operator> MakeReferenceAdd(const Graph& graph, const Layer& layer, int64_t samples) {
  return std::make_unique<Add>(graph, layer, samples);
}

std::unique_ptr<Operator> MakeReferenceCrossEntropy(const Graph& graph, const Layer& layer, int64_t samples) {
  return std::make_unique<CrossEntropy>(graph, layer, samples);
}

std::unique_ptr<Operator> MakeReferenceMeanSquaredError(const Graph& graph, const Layer& layer, int64_t samples) {
  return std::make_unique<MeanSquaredError>(graph, layer, samples);
}

}  // namespace banyan::worker
