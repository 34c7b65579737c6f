#include <memory>

#include "common/base/check.h"
#include "common/math/elementary.h"
#include "worker/layers/cpu/cpu_operators.h"
#include "worker/layers/cpu/rowwise.h"

namespace banyan::worker {
namespace {

// Softmax and -log in one. Forward keeps two numbers a row and backward makes the probabilities from them and the
// logits, straight into the gradient.
class CrossEntropy final : public Operator {
 public:
  explicit CrossEntropy(const CpuOperatorSpec& spec)
      : kernels_(RowwiseKernelsFor(spec.level)), rows_(spec.rows(0)), classes_(spec.columns(0)) {
    needs_.inputs_in_backward = true;
    needs_.saved_bytes = rows_ * 2 * 4;
    needs_.forward_workspace_bytes = rows_ * 2 * 4;
  }

  void Forward(const Piece&, const ForwardCall& call, Stream&) override {
    const float* logits = call.inputs[0].as<float>();
    const int32_t* targets = call.inputs[1].as<int32_t>();
    float* statistics = (call.mode == Mode::kTrain ? call.saved : call.workspace).as<float>();
    kernels_.softmax_statistics(logits, statistics, rows_, classes_);
    double sum = 0;
    for (int64_t r = 0; r < rows_; ++r) {
      CHECK_LT(static_cast<uint32_t>(targets[r]), static_cast<uint64_t>(classes_));
      const double distance = double{statistics[2 * r]} - double{logits[r * classes_ + targets[r]]};
      sum += Log(double{statistics[2 * r + 1]}) + distance;
    }
    call.loss.as<double>()[0] = sum;
    call.loss.as<double>()[1] = static_cast<double>(rows_);
  }

  void Backward(const Piece&, const BackwardCall& call, Stream&) override {
    if (!call.input_gradients[0].present()) return;
    kernels_.cross_entropy_backward(call.inputs[0].as<float>(), call.inputs[1].as<int32_t>(), call.saved.as<float>(),
                                    call.input_gradients[0].as<float>(), call.accumulate_inputs[0], rows_, classes_);
  }

 private:
  const RowwiseKernels& kernels_;
  const int64_t rows_;
  const int64_t classes_;
};

class MeanSquaredError final : public Operator {
 public:
  explicit MeanSquaredError(const CpuOperatorSpec& spec)
      : samples_(spec.samples), elements_(spec.input_size(0) / spec.samples) {
    needs_.inputs_in_backward = true;
  }

  void Forward(const Piece&, const ForwardCall& call, Stream&) override {
    const float* prediction = call.inputs[0].as<float>();
    const float* target = call.inputs[1].as<float>();
    double sum = 0;
    for (int64_t s = 0; s < samples_; ++s) {
      double of_sample = 0;
      for (int64_t i = s * elements_; i < (s + 1) * elements_; ++i) {
        const double distance = double{prediction[i]} - double{target[i]};
        of_sample += distance * distance;
      }
      sum += of_sample / static_cast<double>(elements_);
    }
    call.loss.as<double>()[0] = sum;
    call.loss.as<double>()[1] = static_cast<double>(samples_);
  }

  void Backward(const Piece&, const BackwardCall& call, Stream&) override {
    if (!call.input_gradients[0].present()) return;
    const float* prediction = call.inputs[0].as<float>();
    const float* target = call.inputs[1].as<float>();
    float* gradient = call.input_gradients[0].as<float>();
    const float factor = 2.0f / static_cast<float>(elements_);
    for (int64_t i = 0; i < samples_ * elements_; ++i) {
      const float value = (prediction[i] - target[i]) * factor;
      gradient[i] = call.accumulate_inputs[0] ? gradient[i] + value : value;
    }
  }

 private:
  const int64_t samples_;
  const int64_t elements_;
};

}  // namespace

MadeOperator MakeCrossEntropy(const CpuOperatorSpec& spec) { return std::make_unique<CrossEntropy>(spec); }

MadeOperator MakeMeanSquaredError(const CpuOperatorSpec& spec) { return std::make_unique<MeanSquaredError>(spec); }

}  // namespace banyan::worker
