#include "worker/layers/reference/reference_operators.h"

#include <algorithm>
#include <memory>
#include <variant>
#include <vector>

#include "worker/layers/reference/formulas.h"
#include "worker/layers/reference/reference_operator.h"

namespace banyan::worker {
namespace {

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
  std::unique_ptr<Operator> operator()(const DropoutAttributes& a) const {
    return MakeReferenceDropout(graph, layer, samples, a);
  }
  std::unique_ptr<Operator> operator()(const ActivationAttributes& a) const {
    return MakeReferenceActivation(graph, layer, samples, a);
  }
  std::unique_ptr<Operator> operator()(const AddAttributes&) const { return MakeReferenceAdd(graph, layer, samples); }
  std::unique_ptr<Operator> operator()(const CrossEntropyAttributes&) const {
    return MakeReferenceCrossEntropy(graph, layer, samples);
  }
  std::unique_ptr<Operator> operator()(const MeanSquaredErrorAttributes&) const {
    return MakeReferenceMeanSquaredError(graph, layer, samples);
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<Operator>> ReferenceOperatorFactory::Make(const Graph& graph, const Layer& layer,
                                                                         int64_t samples) {
  return std::visit(Maker{graph, layer, samples}, layer.attributes);
}

}  // namespace banyan::worker
