#include "worker/layers/reference/reference_operators.h"

#include <algorithm>
#include <memory>
#include <variant>
#include <vector>

#include "common/random/random.h"
#include "common/random/random_key.h"
#include "worker/layers/reference/formulas.h"

namespace banyan::worker {
namespace {

KeepMask MaskOf(const Piece& piece, const Layer& layer, double rate) {
  return KeepMask(MakeRandomKey(piece.key.seed, RandomPurpose::kDropout, piece.key.step, NameHash(layer.name)), rate);
}

// What the operators share: sizes, and gradients that are cleared before the formulas add to them.
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

class Linear final : public ReferenceOperator {
 public:
  Linear(const Graph& graph, const Layer& layer, int64_t samples, const LinearAttributes& attributes)
      : ReferenceOperator(graph, layer, samples),
        attributes_(attributes),
        shape_of_product_{rows_, columns_, attributes.units, attributes.weight_layout == WeightLayout::kOutIn} {
    needs_.saved_bytes = rows_ * attributes.units * 8;
  }

  void Forward(const Piece&, const ForwardCall& call, Stream&) override {
    double* y = call.outputs[0].as<double>();
    reference::Linear(shape_of_product_, call.inputs[0].as<double>(), call.parameters[0].as<double>(),
                      attributes_.bias ? call.parameters[1].as<double>() : nullptr, y);
    for (int64_t i = 0; i < rows_ * attributes_.units; ++i) {
      const auto result = reference::Activate(attributes_.activation, y[i]);
      y[i] = result.value;
      if (call.mode == Mode::kTrain) call.saved.as<double>()[i] = result.derivative;
    }
  }

 private:
  void AddGradients(const Piece&, const BackwardCall& call, Stream&) override {
    double* dz = call.output_gradients[0].as<double>();
    for (int64_t i = 0; i < rows_ * attributes_.units; ++i) dz[i] *= call.saved.as<double>()[i];
    reference::LinearBackward(shape_of_product_, call.inputs[0].as<double>(), call.parameters[0].as<double>(), dz,
                              call.input_gradients[0].as<double>(), call.parameter_gradients[0].as<double>(),
                              attributes_.bias ? call.parameter_gradients[1].as<double>() : nullptr);
  }

  const LinearAttributes attributes_;
  const reference::LinearShape shape_of_product_;
};

class Embedding final : public ReferenceOperator {
 public:
  Embedding(const Graph& graph, const Layer& layer, int64_t samples, const EmbeddingAttributes& attributes)
      : ReferenceOperator(graph, layer, samples), width_(attributes.width) {}

  void Forward(const Piece&, const ForwardCall& call, Stream&) override {
    for (int64_t r = 0; r < size_; ++r) {
      for (int64_t i = 0; i < width_; ++i) {
        call.outputs[0].as<double>()[r * width_ + i] =
            call.parameters[0].as<double>()[call.inputs[0].as<int32_t>()[r] * width_ + i] +
            call.parameters[1].as<double>()[r % columns_ * width_ + i];
      }
    }
  }

 private:
  void AddGradients(const Piece&, const BackwardCall& call, Stream&) override {
    for (int64_t r = 0; r < size_; ++r) {
      for (int64_t i = 0; i < width_; ++i) {
        const double g = call.output_gradients[0].as<double>()[r * width_ + i];
        double* token = call.parameter_gradients[0].as<double>();
        double* position = call.parameter_gradients[1].as<double>();
        if (token != nullptr) token[call.inputs[0].as<int32_t>()[r] * width_ + i] += g;
        if (position != nullptr) position[r % columns_ * width_ + i] += g;
      }
    }
  }

  const int64_t width_;
};

class LayerNorm final : public ReferenceOperator {
 public:
  LayerNorm(const Graph& graph, const Layer& layer, int64_t samples, const LayerNormAttributes& attributes)
      : ReferenceOperator(graph, layer, samples), epsilon_(attributes.epsilon) {}

  void Forward(const Piece&, const ForwardCall& call, Stream&) override {
    for (int64_t r = 0; r < rows_; ++r) {
      reference::LayerNorm(call.inputs[0].as<double>() + r * columns_, call.parameters[0].as<double>(),
                           call.parameters[1].as<double>(), epsilon_, columns_,
                           call.outputs[0].as<double>() + r * columns_);
    }
  }

 private:
  void AddGradients(const Piece&, const BackwardCall& call, Stream&) override {
    std::vector<double> unwanted(static_cast<size_t>(size_), 0.0);
    const auto or_unwanted = [&](const View& view) { return view.present() ? view.as<double>() : unwanted.data(); };
    for (int64_t r = 0; r < rows_; ++r) {
      reference::LayerNormBackward(call.inputs[0].as<double>() + r * columns_,
                                   call.output_gradients[0].as<double>() + r * columns_,
                                   call.parameters[0].as<double>(), epsilon_, columns_,
                                   or_unwanted(call.input_gradients[0]) + r * columns_,
                                   or_unwanted(call.parameter_gradients[0]), or_unwanted(call.parameter_gradients[1]));
    }
  }

  const double epsilon_;
};

class Attention final : public ReferenceOperator {
 public:
  Attention(const Graph& graph, const Layer& layer, int64_t samples, const CausalSelfAttentionAttributes& attributes)
      : ReferenceOperator(graph, layer, samples),
        heads_(attributes.heads),
        rate_(attributes.dropout),
        context_(shape_[0]),
        width_(columns_ / 3),
        head_{context_, width_ / heads_, columns_, width_} {}

 private:
  // Of head n % heads of sample n / heads, in a tensor with rows of `row` elements.
  int64_t Offset(int64_t n, int64_t row) const { return n / heads_ * context_ * row + n % heads_ * head_.width; }

  auto Keep(const Piece& piece, const KeepMask& mask, int64_t n) const {
    const int64_t first = (piece.first_sample * heads_ + n) * context_ * context_;
    return [this, mask, first](int64_t i, int64_t j) {
      if (mask.threshold == 0) return 1.0;
      return mask.Keeps(static_cast<uint64_t>(first + i * context_ + j)) ? 1 / (1 - rate_) : 0.0;
    };
  }

 public:
  void Forward(const Piece& piece, const ForwardCall& call, Stream&) override {
    const KeepMask mask = MaskOf(piece, layer_, call.mode == Mode::kTrain ? rate_ : 0);
    for (int64_t n = 0; n < samples_ * heads_; ++n) {
      const double* q = call.inputs[0].as<double>() + Offset(n, columns_);
      reference::Attention(head_, q, q + width_, q + 2 * width_, Keep(piece, mask, n),
                           call.outputs[0].as<double>() + Offset(n, width_));
    }
  }

 private:
  void AddGradients(const Piece& piece, const BackwardCall& call, Stream&) override {
    if (!call.input_gradients[0].present()) return;
    const KeepMask mask = MaskOf(piece, layer_, rate_);
    for (int64_t n = 0; n < samples_ * heads_; ++n) {
      const double* q = call.inputs[0].as<double>() + Offset(n, columns_);
      double* dq = call.input_gradients[0].as<double>() + Offset(n, columns_);
      reference::AttentionBackward(head_, q, q + width_, q + 2 * width_,
                                   call.output_gradients[0].as<double>() + Offset(n, width_), Keep(piece, mask, n), dq,
                                   dq + width_, dq + 2 * width_);
    }
  }

  const int64_t heads_;
  const double rate_;
  const int64_t context_;
  const int64_t width_;
  const reference::HeadShape head_;
};

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
  Add(const Graph& graph, const Layer& layer, int64_t samples, const AddAttributes&)
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
  CrossEntropy(const Graph& graph, const Layer& layer, int64_t samples, const CrossEntropyAttributes&)
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
  MeanSquaredError(const Graph& graph, const Layer& layer, int64_t samples, const MeanSquaredErrorAttributes&)
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

struct Maker {
  const Graph& graph;
  const Layer& layer;
  int64_t samples;

  template <typename Made, typename Attributes>
  std::unique_ptr<Operator> As(const Attributes& attributes) const {
    return std::make_unique<Made>(graph, layer, samples, attributes);
  }

  std::unique_ptr<Operator> operator()(const LinearAttributes& a) const { return As<Linear>(a); }
  std::unique_ptr<Operator> operator()(const EmbeddingAttributes& a) const { return As<Embedding>(a); }
  std::unique_ptr<Operator> operator()(const LayerNormAttributes& a) const { return As<LayerNorm>(a); }
  std::unique_ptr<Operator> operator()(const CausalSelfAttentionAttributes& a) const { return As<Attention>(a); }
  std::unique_ptr<Operator> operator()(const DropoutAttributes& a) const { return As<Dropout>(a); }
  std::unique_ptr<Operator> operator()(const ActivationAttributes& a) const { return As<ActivationOperator>(a); }
  std::unique_ptr<Operator> operator()(const AddAttributes& a) const { return As<Add>(a); }
  std::unique_ptr<Operator> operator()(const CrossEntropyAttributes& a) const { return As<CrossEntropy>(a); }
  std::unique_ptr<Operator> operator()(const MeanSquaredErrorAttributes& a) const { return As<MeanSquaredError>(a); }
};

}  // namespace

absl::StatusOr<std::unique_ptr<Operator>> ReferenceOperatorFactory::Make(const Graph& graph, const Layer& layer,
                                                                         int64_t samples) {
  return std::visit(Maker{graph, layer, samples}, layer.attributes);
}

}  // namespace banyan::worker
