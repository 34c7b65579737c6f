#include "worker/compute/lane_fixture.h"

#include "common/model/build.h"
#include "proto/job.pb.h"

namespace banyan::worker {

Graph MakeTestGpt(const TestGpt& test) {
  v1::Model model;
  v1::Gpt& gpt = *model.mutable_gpt();
  gpt.set_layers(test.layers);
  gpt.set_heads(test.heads);
  gpt.set_width(test.width);
  gpt.set_context(test.context);
  gpt.set_dropout(test.dropout);
  return BuildGraph(model, {.vocabulary = static_cast<uint64_t>(test.vocabulary)}).value();
}

std::vector<double> HashUniform(uint64_t stream, int64_t size) {
  std::vector<double> values;
  for (int64_t i = 0; i < size; ++i) {
    auto x = static_cast<uint32_t>((static_cast<uint64_t>(i) + 1000003 * stream + 1) * 2654435761);
    x = static_cast<uint32_t>(uint64_t{x ^ (x >> 15)} * 2246822519);
    values.push_back(static_cast<double>(x >> 8) / (1 << 24) - 0.5);
  }
  return values;
}

std::vector<int32_t> HashTokens(uint64_t stream, int64_t size, int64_t vocabulary) {
  std::vector<int32_t> tokens;
  for (double value : HashUniform(stream, size)) {
    tokens.push_back(static_cast<int32_t>(std::floor((value + 0.5) * static_cast<double>(vocabulary))));
  }
  return tokens;
}

}  // namespace banyan::worker
