#include <memory>
#include <utility>

#include "common/base/status.h"
#include "worker/layers/cpu/cpu_operators.h"
#include "worker/layers/cpu/elementwise.h"
#include "worker/layers/cpu/gemm.h"

namespace banyan::worker {
namespace {

// y = f(x W + b). Where f is not the identity, forward saves f' and backward multiplies dy by it in place: dz.
//   dx = dz W',  dW = x' dz ([in, out]) or dz' x ([out, in]),  db = column sums of dz
class Linear final : public Operator {
 public:
  static MadeOperator Make(const CpuOperatorSpec& spec, const LinearAttributes& attributes) {
    auto made = std::unique_ptr<Linear>(new Linear(spec, attributes));
    const int64_t rows = made->rows_;
    const int64_t in = spec.columns(0);
    const int64_t out = attributes.units;
    const bool out_in = attributes.weight_layout == WeightLayout::kOutIn;
    ASSIGN_OR_RETURN(made->forward_, MakeGemm(spec.level, {.transpose_b = out_in, .m = rows, .n = out, .k = in}));
    ASSIGN_OR_RETURN(made->input_, MakeGemm(spec.level, {.transpose_b = !out_in, .m = rows, .n = in, .k = out}));
    ASSIGN_OR_RETURN(
        made->weight_,
        MakeGemm(spec.level,
                 {.transpose_a = true, .m = out_in ? out : in, .n = out_in ? in : out, .k = rows}));
    return made;
  }

  void Forward(const Piece&, const ForwardCall& call, Stream&) override {
    float* y = call.outputs[0].as<float>();
    forward_->Run(call.inputs[0].as<float>(), call.parameters[0].as<float>(), y, false);
    kernels_.activate(attributes_.activation, attributes_.bias ? call.parameters[1].as<float>() : nullptr, y,
                      call.mode == Mode::kTrain ? call.saved.as<float>() : nullptr, rows_, attributes_.units);
  }

  void Backward(const Piece&, const BackwardCall& call, Stream&) override {
    float* dz = call.output_gradients[0].as<float>();
    const float* x = call.inputs[0].as<float>();
    if (attributes_.activation != Activation::kNone) {
      kernels_.multiply(call.saved.as<float>(), dz, rows_ * attributes_.units);
    }
    const bool out_in = attributes_.weight_layout == WeightLayout::kOutIn;
    if (float* dw = call.parameter_gradients[0].as<float>(); dw != nullptr) {
      weight_->Run(out_in ? dz : x, out_in ? x : dz, dw, call.accumulate_parameters);
    }
    if (attributes_.bias && call.parameter_gradients[1].present()) {
      kernels_.column_sums(dz, call.parameter_gradients[1].as<float>(), rows_, attributes_.units,
                           call.accumulate_parameters);
    }
    if (float* dx = call.input_gradients[0].as<float>(); dx != nullptr) {
      input_->Run(dz, call.parameters[0].as<float>(), dx, call.accumulate_inputs[0]);
    }
  }

 private:
  Linear(const CpuOperatorSpec& spec, const LinearAttributes& attributes)
      : attributes_(attributes), kernels_(ElementwiseKernelsFor(spec.level)), rows_(spec.rows(0)) {
    needs_.inputs_in_backward = true;
    needs_.saved_bytes = attributes.activation == Activation::kNone ? 0 : rows_ * attributes.units * 4;
  }

  const LinearAttributes attributes_;
  const ElementwiseKernels& kernels_;
  const int64_t rows_;
  std::unique_ptr<Gemm> forward_;
  std::unique_ptr<Gemm> input_;
  std::unique_ptr<Gemm> weight_;
};

}  // namespace

MadeOperator MakeLinear(const CpuOperatorSpec& spec, const LinearAttributes& attributes) {
  return Linear::Make(spec, attributes);
}

}  // namespace banyan::worker
