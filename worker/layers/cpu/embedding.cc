#include <algorithm>
#include <memory>

#include "common/base/check.h"
#include "worker/layers/cpu/cpu_operators.h"
#include "worker/layers/cpu/elementwise.h"

namespace banyan::worker {
namespace {

// y[s, i] = token[tokens[s, i]] + position[i]. Backward adds row after row, so its bits are a function of the tokens.
class Embedding final : public Operator {
 public:
  Embedding(const CpuOperatorSpec& spec, const EmbeddingAttributes& attributes)
      : attributes_(attributes),
        kernels_(ElementwiseKernelsFor(spec.level)),
        rows_(spec.input_size(0)),
        context_(spec.columns(0)) {
    needs_.inputs_in_backward = true;
  }

  void Forward(const Piece&, const ForwardCall& call, Stream&) override {
    const int32_t* tokens = call.inputs[0].as<int32_t>();
    const float* token = call.parameters[0].as<float>();
    const float* position = call.parameters[1].as<float>();
    float* y = call.outputs[0].as<float>();
    const int64_t width = attributes_.width;
    for (int64_t r = 0; r < rows_; ++r) {
      CHECK_LT(static_cast<uint32_t>(tokens[r]), static_cast<uint64_t>(attributes_.vocabulary));
      kernels_.add(token + tokens[r] * width, position + r % context_ * width, y + r * width, width);
    }
  }

  void Backward(const Piece&, const BackwardCall& call, Stream&) override {
    const int32_t* tokens = call.inputs[0].as<int32_t>();
    const float* dy = call.output_gradients[0].as<float>();
    const int64_t width = attributes_.width;
    for (int which = 0; which < 2; ++which) {
      const View& view = call.parameter_gradients[which];
      if (!view.present()) continue;
      float* gradient = view.as<float>();
      if (!call.accumulate_parameters) std::fill_n(gradient, view.size(), 0.0f);
      for (int64_t r = 0; r < rows_; ++r) {
        kernels_.accumulate(dy + r * width, gradient + (which == 0 ? tokens[r] : r % context_) * width, width);
      }
    }
  }

 private:
  const EmbeddingAttributes attributes_;
  const ElementwiseKernels& kernels_;
  const int64_t rows_;
  const int64_t context_;
};

}  // namespace

MadeOperator MakeEmbedding(const CpuOperatorSpec& spec, const EmbeddingAttributes& attributes) {
  return std::make_unique<Embedding>(spec, attributes);
}

}  // namespace banyan::worker
