#include "worker/generation/generator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace banyan::worker {

absl::StatusOr<std::unique_ptr<Generator>> Generator::Make(std::unique_ptr<StoredModel> model) {
  std::unique_ptr<Generator> generator(new Generator(std::move(model)));
  RETURN_IF_ERROR(generator->Start());
  return generator;
}

absl::Status Generator::Start() {
  ASSIGN_OR_RETURN(device_, CpuDevice::Create());
  device_->EnterComputeThread();
  factory_ = std::make_unique<CpuOperatorFactory>(device_->level());
  ASSIGN_OR_RETURN(lane_, Lane::Create(model_->graph, *device_, *factory_, {}));
  for (const std::vector<float>& weight : model_->weights) {
    weights_.push_back(ViewOf(weight.data(), std::ssize(weight)));
  }
  input_.resize(context());
  return absl::OkStatus();
}

absl::StatusOr<std::span<const float>> Generator::Logits(std::span<const int32_t> tokens) {
  if (tokens.empty() || std::ssize(tokens) > context()) {
    return absl::InvalidArgumentError(
        absl::StrCat(tokens.size(), " tokens, expected 1 to the model's context, ", context()));
  }
  for (const int32_t token : tokens) {
    if (token < 0 || token >= vocabulary()) {
      return absl::InvalidArgumentError(
          absl::StrCat("token ", token, ", expected below the model's vocabulary, ", vocabulary()));
    }
  }
  // What stands behind the text does not change what follows from it.
  std::fill(std::copy(tokens.begin(), tokens.end(), input_.begin()), input_.end(), 0);
  const ConstView input = ViewOf(std::as_const(input_).data(), context());
  ASSIGN_OR_RETURN(const ConstView logits, lane_->Predict(input, 1, weights_));
  return std::span(logits.as<float>(), tokens.size() * static_cast<size_t>(vocabulary()));
}

absl::Status Generator::Generate(std::span<const int32_t> prompt, uint64_t count, const SamplingOptions& options,
                                 absl::FunctionRef<bool(int32_t)> emit) {
  RETURN_IF_ERROR(options.Validate());
  Sampler sampler(options);
  std::vector<int32_t> text(prompt.begin(), prompt.end());
  if (text.empty()) text.push_back(0);
  for (uint64_t i = 0; i < count; ++i) {
    const size_t known = std::min(text.size(), static_cast<size_t>(context()));
    ASSIGN_OR_RETURN(const std::span<const float> logits, Logits(std::span(text).last(known)));
    const std::span<const float> next = logits.last(static_cast<size_t>(vocabulary()));
    ASSIGN_OR_RETURN(const int32_t token,
                     sampler.Sample(next.first(static_cast<size_t>(tokenizer_vocabulary())), text.size()));
    text.push_back(token);
    if (!emit(token)) break;
  }
  return absl::OkStatus();
}

}  // namespace banyan::worker
