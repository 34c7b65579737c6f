#ifndef BANYAN_WORKER_GENERATION_GENERATOR_H_
#define BANYAN_WORKER_GENERATION_GENERATOR_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/compute/lane.h"
#include "worker/device/cpu_device.h"
#include "worker/generation/sampler.h"
#include "worker/generation/stored_model.h"
#include "worker/layers/cpu/cpu_operator_factory.h"

namespace banyan::worker {

// Lets a model write, on the CPU. Used by the thread that made it.
class Generator {
 public:
  static absl::StatusOr<std::unique_ptr<Generator>> Make(std::unique_ptr<StoredModel> model);

  int64_t context() const { return model_->context(); }
  int64_t vocabulary() const { return model_->vocabulary(); }
  int64_t tokenizer_vocabulary() const { return model_->tokenizer_vocabulary; }

  // Logits [tokens, vocabulary] of what follows each of `tokens`, of which there are 1 to context(), each below
  // vocabulary(); INVALID_ARGUMENT otherwise. Valid until the next call.
  absl::StatusOr<std::span<const float>> Logits(std::span<const int32_t> tokens);

  // Writes `count` tokens after `prompt`, each as soon as it is known, until `emit` returns false. Each is below
  // tokenizer_vocabulary() and follows from the last context() tokens before it; the first of an empty prompt from
  // token 0 alone.
  absl::Status Generate(std::span<const int32_t> prompt, uint64_t count, const SamplingOptions& options,
                        absl::FunctionRef<bool(int32_t)> emit);

 private:
  explicit Generator(std::unique_ptr<StoredModel> model) : model_(std::move(model)) {}

  absl::Status Start();

  const std::unique_ptr<StoredModel> model_;
  std::unique_ptr<CpuDevice> device_;
  std::unique_ptr<CpuOperatorFactory> factory_;
  std::unique_ptr<Lane> lane_;
  std::vector<ConstView> weights_;  // by ParameterId
  std::vector<int32_t> input_;      // [context]
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_GENERATION_GENERATOR_H_
