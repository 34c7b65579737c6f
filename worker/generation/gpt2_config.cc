#include "worker/generation/gpt2_config.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/checkpoint/strict_json.h"
#include "nlohmann/json.hpp"

namespace banyan::worker {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kMaxNumber = uint64_t{1} << 24;

absl::StatusOr<uint32_t> ReadNumber(const Json& config, const char* name) {
  const auto found = config.find(name);
  if (found == config.end() || !found->is_number_unsigned() || found->get<uint64_t>() == 0 ||
      found->get<uint64_t>() > kMaxNumber) {
    return absl::InvalidArgumentError(absl::StrCat("config.json: ", name, " is ",
                                                   found == config.end() ? "absent" : found->dump(),
                                                   ", expected a number from 1 to ", kMaxNumber));
  }
  return found->get<uint32_t>();
}

// `expected` is also what absence means.
absl::Status Expect(const Json& config, const char* name, const Json& expected) {
  const auto found = config.find(name);
  if (found == config.end() || *found == expected) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("config.json: ", name, " is ", found->dump(), ", expected ", expected.dump()));
}

}  // namespace

absl::StatusOr<v1::Gpt> ParseGpt2Config(const std::string& json) {
  const absl::Status strict = CheckStrictJson(json, 16);
  if (!strict.ok()) return Annotate(strict, "config.json");
  const Json config = Json::parse(json, nullptr, false);
  if (!config.is_object()) return absl::InvalidArgumentError("config.json: no object");
  if (!config.contains("model_type")) return absl::InvalidArgumentError("config.json: model_type is absent");
  RETURN_IF_ERROR(Expect(config, "model_type", "gpt2"));
  RETURN_IF_ERROR(Expect(config, "activation_function", "gelu_new"));
  RETURN_IF_ERROR(Expect(config, "layer_norm_epsilon", 1e-5));
  RETURN_IF_ERROR(Expect(config, "scale_attn_weights", true));
  RETURN_IF_ERROR(Expect(config, "scale_attn_by_inverse_layer_idx", false));
  RETURN_IF_ERROR(Expect(config, "tie_word_embeddings", true));
  v1::Gpt gpt;
  const std::pair<const char*, void (v1::Gpt::*)(uint32_t)> fields[] = {{"n_layer", &v1::Gpt::set_layers},
                                                                        {"n_head", &v1::Gpt::set_heads},
                                                                        {"n_embd", &v1::Gpt::set_width},
                                                                        {"n_positions", &v1::Gpt::set_context},
                                                                        {"vocab_size", &v1::Gpt::set_vocabulary}};
  for (const auto& [name, set] : fields) {
    ASSIGN_OR_RETURN(const uint32_t value, ReadNumber(config, name));
    (gpt.*set)(value);
  }
  if (config.contains("n_inner") && !config["n_inner"].is_null()) {
    RETURN_IF_ERROR(Expect(config, "n_inner", 4 * uint64_t{gpt.width()}));
  }
  gpt.set_dropout(0);
  return gpt;
}

}  // namespace banyan::worker
