#include "worker/generation/sampler.h"

#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <vector>

#include "gtest/gtest.h"

namespace banyan::worker {
namespace {

const std::vector<float> kLogits = {1.0f, 3.0f, 2.0f, 3.0f, -1.0f};

// How often each token comes in `count` draws.
std::map<int32_t, int> Count(const SamplingOptions& options, int count, const std::vector<float>& logits = kLogits) {
  Sampler sampler(options);
  std::map<int32_t, int> counts;
  for (int position = 0; position < count; ++position) ++counts[sampler.Sample(logits, position).value()];
  return counts;
}

std::set<int32_t> Support(const SamplingOptions& options, const std::vector<float>& logits = kLogits) {
  std::set<int32_t> tokens;
  for (const auto& [token, times] : Count(options, 2000, logits)) tokens.insert(token);
  return tokens;
}

TEST(SamplerTest, TemperatureZeroTakesTheLikeliestAndOfEqualOnesTheFirst) {
  EXPECT_EQ(Support({.temperature = 0}), std::set<int32_t>({1}));
  EXPECT_EQ(Support({.temperature = 0, .top_k = 3}), std::set<int32_t>({1}));
}

TEST(SamplerTest, DrawsFollowTheSoftmax) {
  const int draws = 200'000;
  for (const double temperature : {0.5, 1.0, 2.0}) {
    double total = 0;
    for (const float logit : kLogits) total += std::exp(logit / temperature);
    const auto counts = Count({.temperature = temperature, .seed = 7}, draws);
    for (size_t i = 0; i < kLogits.size(); ++i) {
      const double expected = std::exp(kLogits[i] / temperature) / total;
      const double deviation = std::sqrt(expected * (1 - expected) / draws);
      const auto found = counts.find(static_cast<int32_t>(i));
      const double seen = found == counts.end() ? 0 : static_cast<double>(found->second) / draws;
      EXPECT_NEAR(seen, expected, 5 * deviation) << "token " << i << " at temperature " << temperature;
    }
  }
}

TEST(SamplerTest, TopKKeepsTheLikeliest) {
  EXPECT_EQ(Support({.top_k = 1}), std::set<int32_t>({1}));
  EXPECT_EQ(Support({.top_k = 2}), std::set<int32_t>({1, 3}));
  EXPECT_EQ(Support({.top_k = 3}), std::set<int32_t>({1, 2, 3}));
  EXPECT_EQ(Support({.temperature = 3, .top_k = 100}), std::set<int32_t>({0, 1, 2, 3, 4}));
}

TEST(SamplerTest, TopPKeepsTheFewestThatReachIt) {
  // Probabilities 0.5, 0.25, 0.125, 0.125.
  const std::vector<float> logits = {std::log(4.0f), std::log(2.0f), 0, 0};
  EXPECT_EQ(Support({.top_p = 0.1}, logits), std::set<int32_t>({0}));
  EXPECT_EQ(Support({.top_p = 0.6}, logits), std::set<int32_t>({0, 1}));
  EXPECT_EQ(Support({.top_p = 0.8}, logits), std::set<int32_t>({0, 1, 2}));
  EXPECT_EQ(Support({.top_p = 1}, logits), std::set<int32_t>({0, 1, 2, 3}));
  // Of those that top_k left, the first two have 2/3 and 1/3.
  EXPECT_EQ(Support({.top_k = 2, .top_p = 0.6}, logits), std::set<int32_t>({0}));
}

TEST(SamplerTest, ADrawIsAFunctionOfSeedAndPosition) {
  Sampler forwards({.seed = 5});
  Sampler backwards({.seed = 5});
  Sampler other({.seed = 6});
  std::vector<int32_t> drawn(100);
  int different = 0;
  for (int i = 0; i < 100; ++i) drawn[i] = forwards.Sample(kLogits, i).value();
  for (int i = 99; i >= 0; --i) {
    EXPECT_EQ(backwards.Sample(kLogits, i).value(), drawn[i]);
    different += other.Sample(kLogits, i).value() != drawn[i];
  }
  EXPECT_GT(different, 20);
}

TEST(SamplerTest, MinusInfinityMeansNever) {
  const float never = -std::numeric_limits<float>::infinity();
  EXPECT_EQ(Support({}, {never, 0, never, 0}), std::set<int32_t>({1, 3}));
  EXPECT_EQ(Sampler({}).Sample(std::vector<float>{never, never}, 3).status().message(),
            "no token is possible at position 3");
}

TEST(SamplerTest, LogitsThatAreNoNumbersAreRefused) {
  EXPECT_FALSE(Sampler({}).Sample(std::vector<float>{0, std::nanf("")}, 0).ok());
  EXPECT_FALSE(Sampler({.temperature = 0}).Sample(std::vector<float>{0, HUGE_VALF}, 0).ok());
}

TEST(SamplerTest, HugeLogitsDoNotOverflow) {
  EXPECT_EQ(Support({}, {3e38f, -3e38f}), std::set<int32_t>({0}));
  EXPECT_EQ(Support({.temperature = 1e-300}), std::set<int32_t>({1, 3}));
}

TEST(SamplingOptionsTest, RangesAreChecked) {
  EXPECT_TRUE(SamplingOptions{}.Validate().ok());
  EXPECT_FALSE(SamplingOptions{.temperature = -1}.Validate().ok());
  EXPECT_FALSE(SamplingOptions{.temperature = std::nan("")}.Validate().ok());
  EXPECT_FALSE(SamplingOptions{.top_p = 0}.Validate().ok());
  EXPECT_EQ(SamplingOptions{.top_p = 1.5}.Validate().message(), "top-p is 1.5, expected above 0 and at most 1");
}

}  // namespace
}  // namespace banyan::worker
