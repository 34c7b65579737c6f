#include <algorithm>
#include <memory>
#include <span>

#include "common/random/random.h"
#include "common/random/random_key.h"
#include "worker/layers/cpu/cpu_operators.h"
#include "worker/layers/cpu/elementwise.h"

namespace banyan::worker {
namespace {

// to = or += from
void PassOn(const ElementwiseKernels& kernels, const View& from, const View& to, bool add) {
  if (!to.present()) return;
  if (add) {
    kernels.accumulate(from.as<float>(), to.as<float>(), to.size());
  } else {
    std::copy_n(from.as<float>(), to.size(), to.as<float>());
  }
}

class Add final : public Operator {
 public:
  explicit Add(const CpuOperatorSpec& spec) : kernels_(ElementwiseKernelsFor(spec.level)), size_(spec.input_size(0)) {}

  void Forward(const Piece&, const ForwardCall& call, Stream&) override {
    kernels_.add(call.inputs[0].as<float>(), call.inputs[1].as<float>(), call.outputs[0].as<float>(), size_);
  }

  void Backward(const Piece&, const BackwardCall& call, Stream&) override {
    for (size_t i = 0; i < 2; ++i) {
      PassOn(kernels_, call.output_gradients[0], call.input_gradients[i], call.accumulate_inputs[i]);
    }
  }

 private:
  const ElementwiseKernels& kernels_;
  const int64_t size_;
};

class ActivationOperator final : public Operator {
 public:
  ActivationOperator(const CpuOperatorSpec& spec, Activation activation)
      : activation_(activation), kernels_(ElementwiseKernelsFor(spec.level)), size_(spec.input_size(0)) {
    needs_.saved_bytes = size_ * 4;
  }

  void Forward(const Piece&, const ForwardCall& call, Stream&) override {
    float* y = call.outputs[0].as<float>();
    std::copy_n(call.inputs[0].as<float>(), size_, y);
    kernels_.activate(activation_, nullptr, y, call.mode == Mode::kTrain ? call.saved.as<float>() : nullptr, 1, size_);
  }

  void Backward(const Piece&, const BackwardCall& call, Stream&) override {
    if (!call.input_gradients[0].present()) return;
    kernels_.product(call.output_gradients[0].as<float>(), call.saved.as<float>(),
                     call.input_gradients[0].as<float>(), size_, call.accumulate_inputs[0]);
  }

 private:
  const Activation activation_;
  const ElementwiseKernels& kernels_;
  const int64_t size_;
};

// The mask is made anew in backward: Philox costs less than the memory that would hold it.
class Dropout final : public Operator {
 public:
  Dropout(const CpuOperatorSpec& spec, double rate)
      : rate_(rate),
        name_hash_(NameHash(spec.layer->name)),
        kernels_(ElementwiseKernelsFor(spec.level)),
        size_(spec.input_size(0)),
        sample_size_(size_ / spec.samples) {
    needs_.forward_workspace_bytes = rate > 0 ? kBlock : 0;
    needs_.backward_workspace_bytes = needs_.forward_workspace_bytes;
  }

  void Forward(const Piece& piece, const ForwardCall& call, Stream&) override {
    if (call.mode == Mode::kEvaluate || rate_ == 0) {
      std::copy_n(call.inputs[0].as<float>(), size_, call.outputs[0].as<float>());
      return;
    }
    Apply(piece, call.inputs[0].as<float>(), call.outputs[0].as<float>(), false, call.workspace);
  }

  void Backward(const Piece& piece, const BackwardCall& call, Stream&) override {
    if (rate_ == 0) {
      PassOn(kernels_, call.output_gradients[0], call.input_gradients[0], call.accumulate_inputs[0]);
    } else if (call.input_gradients[0].present()) {
      Apply(piece, call.output_gradients[0].as<float>(), call.input_gradients[0].as<float>(),
            call.accumulate_inputs[0], call.workspace);
    }
  }

 private:
  static constexpr int64_t kBlock = 4096;

  void Apply(const Piece& piece, const float* x, float* out, bool add, const View& workspace) const {
    const KeepMask mask(MakeRandomKey(piece.key.seed, RandomPurpose::kDropout, piece.key.step, name_hash_), rate_);
    auto* keep = reinterpret_cast<uint8_t*>(workspace.bytes());
    const auto scale = static_cast<float>(1 / (1 - rate_));
    const int64_t first = piece.first_sample * sample_size_;
    for (int64_t i = 0; i < size_; i += kBlock) {
      const int64_t count = std::min(kBlock, size_ - i);
      mask.Fill(static_cast<uint64_t>(first + i), std::span<uint8_t>(keep, static_cast<size_t>(count)));
      kernels_.mask(x + i, keep, scale, out + i, count, add);
    }
  }

  const double rate_;
  const uint64_t name_hash_;
  const ElementwiseKernels& kernels_;
  const int64_t size_;
  const int64_t sample_size_;
};

}  // namespace

MadeOperator MakeAdd(const CpuOperatorSpec& spec) { return std::make_unique<Add>(spec); }

MadeOperator MakeActivation(const CpuOperatorSpec& spec, const ActivationAttributes& attributes) {
  return std::make_unique<ActivationOperator>(spec, attributes.activation);
}

MadeOperator MakeDropout(const CpuOperatorSpec& spec, const DropoutAttributes& attributes) {
  return std::make_unique<Dropout>(spec, attributes.rate);
}

}  // namespace banyan::worker
