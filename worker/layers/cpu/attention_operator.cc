#include <algorithm>
#include <cmath>
#include <memory>
#include <span>

#include "common/random/random.h"
#include "common/random/random_key.h"
#include "worker/layers/cpu/attention.h"
#include "worker/layers/cpu/cpu_operators.h"

namespace banyan::worker {
namespace {

// Head by head, so that one head's operands stay in the core's own cache from packing to the last product.
class Attention final : public Operator {
 public:
  Attention(const CpuOperatorSpec& spec, const CausalSelfAttentionAttributes& attributes)
      : kernels_(AttentionKernelsFor(spec.level)),
        name_hash_(NameHash(spec.layer->name)),
        heads_(attributes.heads),
        dropout_(attributes.dropout),
        samples_(spec.samples),
        context_(spec.input(0).shape[0]),
        width_(spec.columns(0) / 3),
        head_width_(width_ / heads_),
        keep_bytes_(dropout_ > 0 ? (context_ * context_ + kKeepPadding + 63) / 64 * 64 : 0) {
    needs_.inputs_in_backward = true;
    needs_.saved_bytes = samples_ * heads_ * context_ * 2 * 4;
    needs_.forward_workspace_bytes =
        keep_bytes_ + (kernels_.forward_workspace(context_, head_width_) + 2 * context_) * 4;
    needs_.backward_workspace_bytes = keep_bytes_ + kernels_.backward_workspace(context_, head_width_) * 4;
  }

  void Forward(const Piece& piece, const ForwardCall& call, Stream&) override {
    const bool train = call.mode == Mode::kTrain;
    const KeepMask mask = Mask(piece);
    ForEachHead([&](int64_t sample, int64_t number) {
      AttentionHead head = Head(sample, number, call.inputs[0].as<float>(), call.workspace.bytes());
      if (train) FillMask(piece, mask, sample, number, call.workspace.bytes(), &head);
      head.statistics = train ? call.saved.as<float>() + (sample * heads_ + number) * context_ * 2 : head.workspace;
      if (!train) head.workspace += 2 * context_;
      head.y = call.outputs[0].as<float>() + sample * context_ * width_ + number * head_width_;
      kernels_.forward(head);
    });
  }

  void Backward(const Piece& piece, const BackwardCall& call, Stream&) override {
    if (!call.input_gradients[0].present()) return;
    const KeepMask mask = Mask(piece);
    ForEachHead([&](int64_t sample, int64_t number) {
      AttentionHead head = Head(sample, number, call.inputs[0].as<float>(), call.workspace.bytes());
      FillMask(piece, mask, sample, number, call.workspace.bytes(), &head);
      head.statistics = call.saved.as<float>() + (sample * heads_ + number) * context_ * 2;
      head.dy = call.output_gradients[0].as<float>() + sample * context_ * width_ + number * head_width_;
      head.dq = call.input_gradients[0].as<float>() + sample * context_ * 3 * width_ + number * head_width_;
      head.dk = head.dq + width_;
      head.dv = head.dk + width_;
      head.add = call.accumulate_inputs[0];
      kernels_.backward(head);
    });
  }

 private:
  template <typename Body>
  void ForEachHead(Body body) const {
    for (int64_t sample = 0; sample < samples_; ++sample) {
      for (int64_t head = 0; head < heads_; ++head) body(sample, head);
    }
  }

  KeepMask Mask(const Piece& piece) const {
    return KeepMask(MakeRandomKey(piece.key.seed, RandomPurpose::kDropout, piece.key.step, name_hash_), dropout_);
  }

  AttentionHead Head(int64_t sample, int64_t number, const float* qkv, std::byte* workspace) const {
    const float* q = qkv + sample * context_ * 3 * width_ + number * head_width_;
    return {.context = context_,
            .width = head_width_,
            .scale = 1.0f / std::sqrt(static_cast<float>(head_width_)),
            .stride = 3 * width_,
            .y_stride = width_,
            .q = q,
            .k = q + width_,
            .v = q + 2 * width_,
            .workspace = reinterpret_cast<float*>(workspace + keep_bytes_)};
  }

  // Rows up to the diagonal, as layer_types.h counts the elements.
  void FillMask(const Piece& piece, const KeepMask& mask, int64_t sample, int64_t number, std::byte* workspace,
                AttentionHead* head) const {
    if (dropout_ == 0) return;
    auto* keep = reinterpret_cast<uint8_t*>(workspace);
    const auto first = static_cast<uint64_t>((piece.first_sample + sample) * heads_ + number) *
                       static_cast<uint64_t>(context_ * context_);
    for (int64_t i = 0; i < context_; ++i) {
      mask.Fill(first + static_cast<uint64_t>(i * context_),
                std::span<uint8_t>(keep + i * context_, static_cast<size_t>(i + 1)));
    }
    head->keep = keep;
    head->keep_scale = static_cast<float>(1 / (1 - dropout_));
  }

  const AttentionKernels& kernels_;
  const uint64_t name_hash_;
  const int64_t heads_;
  const double dropout_;
  const int64_t samples_;
  const int64_t context_;
  const int64_t width_;
  const int64_t head_width_;
  const int64_t keep_bytes_;
};

}  // namespace

MadeOperator MakeAttention(const CpuOperatorSpec& spec, const CausalSelfAttentionAttributes& attributes) {
  return std::make_unique<Attention>(spec, attributes);
}

}  // namespace banyan::worker
