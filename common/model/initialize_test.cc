#include "common/model/initialize.h"

#include <cmath>
#include <vector>

#include "common/random/random.h"
#include "gtest/gtest.h"

namespace banyan {
namespace {

Parameter Make(const Initializer& initializer) {
  return {.name = "h.0.w", .shape = {100, 130}, .initializer = initializer, .uses = 1};
}

template <typename T>
std::vector<T> All(uint64_t seed, const Parameter& parameter) {
  std::vector<T> values(ElementsOf(parameter.shape));
  Initialize(seed, parameter, 0, std::span<T>(values));
  return values;
}

TEST(InitializeTest, AnyRangeIsAPartOfTheWhole) {
  for (const Initializer& initializer : std::vector<Initializer>{NormalInitializer{0.02}, UniformInitializer{0.5},
                                                                 ConstantInitializer{3}}) {
    const Parameter parameter = Make(initializer);
    const std::vector<float> whole = All<float>(7, parameter);
    for (const size_t first : {0, 1, 2, 3, 4095, 4096, 8191, 12999}) {
      for (const size_t count : {size_t{1}, size_t{2}, size_t{5}, size_t{4096}}) {
        const size_t n = std::min(count, whole.size() - first);
        std::vector<float> part(n);
        Initialize(7, parameter, static_cast<int64_t>(first), std::span<float>(part));
        EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + static_cast<int64_t>(first))) << first;
      }
    }
  }
}

TEST(InitializeTest, FollowsTheStatedFormula) {
  const RandomKey key = MakeRandomKey(7, RandomPurpose::kInitialize, 0, NameHash("h.0.w"));
  const std::vector<float> normal = All<float>(7, Make(NormalInitializer{0.02}));
  const std::vector<double> normal_64 = All<double>(7, Make(NormalInitializer{0.02}));
  const std::vector<float> uniform = All<float>(7, Make(UniformInitializer{0.3}));
  for (size_t i = 0; i < normal.size(); i += 17) {
    EXPECT_EQ(normal_64[i], 0.02 * static_cast<double>(Normal(key, i)));
    EXPECT_EQ(normal[i], static_cast<float>(normal_64[i]));
    EXPECT_EQ(uniform[i], static_cast<float>(0.3 * (2.0 * static_cast<double>(Uniform(key, i)) - 1.0)));
  }
}

TEST(InitializeTest, HasTheAskedMoments) {
  double sum = 0, squares = 0;
  for (const float value : All<float>(1, Make(NormalInitializer{0.02}))) {
    sum += value;
    squares += static_cast<double>(value) * value;
  }
  EXPECT_NEAR(sum / 13000, 0, 4 * 0.02 / std::sqrt(13000.0));
  EXPECT_NEAR(std::sqrt(squares / 13000), 0.02, 0.02 * 4 / std::sqrt(2 * 13000.0));
  for (const float value : All<float>(1, Make(UniformInitializer{0.5}))) {
    EXPECT_GE(value, -0.5f);
    EXPECT_LT(value, 0.5f);
  }
}

TEST(InitializeTest, SeedAndNameMatter) {
  const Parameter parameter = Make(NormalInitializer{0.02});
  Parameter renamed = parameter;
  renamed.name = "h.1.w";
  EXPECT_NE(All<float>(7, parameter), All<float>(8, parameter));
  EXPECT_NE(All<float>(7, parameter), All<float>(7, renamed));
}

}  // namespace
}  // namespace banyan
