#ifndef BANYAN_WORKER_GENERATION_GPT2_CONFIG_H_
#define BANYAN_WORKER_GENERATION_GPT2_CONFIG_H_

#include <string>

#include "absl/status/statusor.h"
#include "proto/job.pb.h"

namespace banyan::worker {

// The model that a Hugging Face config.json of GPT-2 describes; vocabulary is always set, dropout 0. INVALID_ARGUMENT
// for another kind of model, a missing number, and what differs from GPT-2 as Banyan computes it (activation, epsilon,
// inner width, scaling, untied output). Safe on any bytes.
absl::StatusOr<v1::Gpt> ParseGpt2Config(const std::string& json);

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_GENERATION_GPT2_CONFIG_H_
