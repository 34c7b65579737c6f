#include <algorithm>
#include <memory>

#include "worker/layers/cpu/cpu_operators.h"
#include "worker/layers/cpu/rowwise.h"

namespace banyan::worker {
namespace {

class LayerNorm final : public Operator {
 public:
  LayerNorm(const CpuOperatorSpec& spec, const LayerNormAttributes& attributes)
      : epsilon_(static_cast<float>(attributes.epsilon)),
        kernels_(RowwiseKernelsFor(spec.level)),
        rows_(spec.rows(0)),
        columns_(spec.columns(0)) {
    needs_.inputs_in_backward = true;
    needs_.saved_bytes = rows_ * 2 * 4;
    // A gradient that nobody wants is summed all the same.
    needs_.backward_workspace_bytes = 2 * columns_ * 4;
  }

  void Forward(const Piece&, const ForwardCall& call, Stream&) override {
    kernels_.layer_norm(call.inputs[0].as<float>(), call.parameters[0].as<float>(), call.parameters[1].as<float>(),
                        epsilon_, call.outputs[0].as<float>(),
                        call.mode == Mode::kTrain ? call.saved.as<float>() : nullptr, rows_, columns_);
  }

  void Backward(const Piece&, const BackwardCall& call, Stream&) override {
    float* gradients[2];
    for (int i = 0; i < 2; ++i) {
      const View& view = call.parameter_gradients[i];
      gradients[i] = view.present() ? view.as<float>() : call.workspace.as<float>() + i * columns_;
      if (!view.present() || !call.accumulate_parameters) std::fill_n(gradients[i], columns_, 0.0f);
    }
    kernels_.layer_norm_backward(call.inputs[0].as<float>(), call.output_gradients[0].as<float>(),
                                 call.parameters[0].as<float>(), call.saved.as<float>(),
                                 call.input_gradients[0].as<float>(), call.accumulate_inputs[0], gradients[0],
                                 gradients[1], rows_, columns_);
  }

 private:
  const float epsilon_;
  const RowwiseKernels& kernels_;
  const int64_t rows_;
  const int64_t columns_;
};

}  // namespace

MadeOperator MakeLayerNorm(const CpuOperatorSpec& spec, const LayerNormAttributes& attributes) {
  return std::make_unique<LayerNorm>(spec, attributes);
}

}  // namespace banyan::worker
