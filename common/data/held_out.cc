#include "common/data/held_out.h"

#include <algorithm>
#include <cmath>

#include "common/base/check.h"

namespace banyan {

DataSplit SplitHeldOut(uint64_t records, double share) {
  CHECK(share >= 0.0 && share < 1.0);
  if (records == 0) return {};
  auto held_out = static_cast<uint64_t>(std::floor(share * static_cast<double>(records) + 0.5));
  if (share > 0.0) held_out = std::max<uint64_t>(held_out, 1);
  held_out = std::min(held_out, records - 1);
  return {.training = records - held_out, .held_out = held_out};
}

uint64_t TextSamples(uint64_t tokens, uint64_t context) {
  CHECK_GE(context, 1u);
  return tokens == 0 ? 0 : (tokens - 1) / context;
}

SampleRange EvaluationRun(uint64_t samples, uint32_t leaves, uint32_t leaf) {
  CHECK_LT(leaf, leaves);
  // floor(l * samples / leaves) without the product's overflow.
  const uint64_t whole = samples / leaves;
  const uint64_t rest = samples % leaves;
  const auto bound = [&](uint64_t l) { return l * whole + l * rest / leaves; };
  return {.begin = bound(leaf), .end = bound(uint64_t{leaf} + 1)};
}

}  // namespace banyan
