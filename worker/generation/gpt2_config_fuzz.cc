// libFuzzer's entry for Hugging Face's config.json.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/check.h"
#include "worker/generation/gpt2_config.h"

namespace banyan::fuzz {

std::vector<std::string> Seeds() {
  return {R"({"model_type": "gpt2", "n_layer": 2, "n_head": 4, "n_embd": 8, "n_positions": 16, "vocab_size": 256,)"
          R"("n_inner": 32, "activation_function": "gelu_new", "bos_token_id": 5, "tie_word_embeddings": true})"};
}

}  // namespace banyan::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto gpt = banyan::worker::ParseGpt2Config(std::string(reinterpret_cast<const char*>(data), size));
  if (gpt.ok()) CHECK(gpt->has_vocabulary());
  return 0;
}
