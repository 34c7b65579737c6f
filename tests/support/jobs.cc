#include "tests/support/jobs.h"

#include "absl/strings/str_cat.h"

namespace banyan::testing {

std::string LinearJob(int steps, const std::string& run) {
  return absl::StrCat(R"(
version: 1
name: linear
recipe:
  seed: 3
  model: {linear: {outputs: 8}}
  data: {synthetic_regression: {features: 2000, targets: 8, samples: 500, held_out: 0.1}}
  batch: {samples: 52, leaf: 4}
  until: {steps: )",
                      steps, R"(}
  optimizer: {momentum: {learning_rate: 0.0001}}
run:
)",
                      run);
}

std::string GptJob(int steps, const std::string& run) {
  return absl::StrCat(R"(
version: 1
name: gpt
recipe:
  seed: 7
  model: {gpt: {layers: 2, heads: 2, width: 32, context: 16, dropout: 0.1}}
  data: {text: {path: "data:text", tokenizer: bytes, held_out: 0.1}}
  batch: {samples: 13, leaf: 1}
  until: {steps: )",
                      steps, R"(}
  optimizer: {adamw: {learning_rate: 1e-2, weight_decay: 0.1, no_decay: [bias, norm]}, clip_norm: 1.0}
run:
)",
                      run);
}

std::string SomeText() {
  std::string text;
  for (int i = 0; i < 200; ++i) absl::StrAppend(&text, "line ", i * i, " of the text\n");
  return text;
}

}  // namespace banyan::testing
