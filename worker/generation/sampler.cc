#include "worker/generation/sampler.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/math/elementary.h"
#include "common/random/random.h"

namespace banyan::worker {
namespace {

// In [0, 1).
double Draw(uint64_t seed, uint64_t position) {
  const PhiloxBlock block = RandomBlock(MakeRandomKey(seed, RandomPurpose::kGenerate, position, 0), 0);
  const uint64_t bits = (uint64_t{block[1]} << 32 | block[0]) >> 11;
  return static_cast<double>(bits) * 0x1p-53;
}

}  // namespace

absl::Status SamplingOptions::Validate() const {
  if (!(temperature >= 0) || !std::isfinite(temperature)) {
    return absl::InvalidArgumentError(absl::StrCat("temperature is ", temperature, ", expected at least 0"));
  }
  if (!(top_p > 0 && top_p <= 1)) {
    return absl::InvalidArgumentError(absl::StrCat("top-p is ", top_p, ", expected above 0 and at most 1"));
  }
  return absl::OkStatus();
}

void Sampler::KeepLikeliest() {
  const auto before = [](const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
  };
  const uint64_t wanted = options_.temperature == 0 ? 1 : options_.top_k;
  const uint64_t kept = wanted == 0 ? candidates_.size() : std::min<uint64_t>(wanted, candidates_.size());
  std::partial_sort(candidates_.begin(), candidates_.begin() + static_cast<int64_t>(kept), candidates_.end(), before);
  candidates_.resize(kept);
}

absl::StatusOr<int32_t> Sampler::Sample(std::span<const float> logits, uint64_t position) {
  CHECK(!logits.empty());
  candidates_.clear();
  for (size_t i = 0; i < logits.size(); ++i) {
    if (std::isnan(logits[i]) || logits[i] == HUGE_VALF) {
      return absl::InvalidArgumentError(absl::StrCat("the logit of token ", i, " at position ", position, " is ",
                                                     logits[i], ", expected a finite number"));
    }
    if (logits[i] != -HUGE_VALF) candidates_.push_back({logits[i], static_cast<int32_t>(i)});
  }
  if (candidates_.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("no token is possible at position ", position));
  }
  KeepLikeliest();
  if (candidates_.size() == 1) return candidates_[0].token;

  weights_.clear();
  double total = 0;
  for (const Candidate& candidate : candidates_) {
    const double below = static_cast<double>(candidate.logit) - static_cast<double>(candidates_[0].logit);
    weights_.push_back(Exp(below / options_.temperature));
    total += weights_.back();
  }
  size_t kept = 0;
  double mass = 0;
  while (kept < weights_.size() && (kept == 0 || mass < options_.top_p * total)) mass += weights_[kept++];

  const double draw = Draw(options_.seed, position) * mass;
  double sum = 0;
  for (size_t i = 0; i < kept; ++i) {
    sum += weights_[i];
    if (draw < sum) return candidates_[i].token;
  }
  return candidates_[kept - 1].token;
}

}  // namespace banyan::worker
