#include "common/random/random.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <vector>

#include "gtest/gtest.h"

namespace banyan {
namespace {

constexpr RandomKey kKey = {.seed = 0x0123456789abcdef, .stream = 0xfedcba9876543210};

TEST(RandomTest, ElementIsWordOfItsBlock) {
  const uint64_t block = (uint64_t{5} << 32) + 7;
  const PhiloxBlock words = Philox4x32({7, 5, 0x76543210, 0xfedcba98}, 0x0123456789abcdef);
  for (uint64_t w = 0; w < 4; ++w) {
    EXPECT_EQ(Uint32(kKey, 4 * block + w), words[w]);
    EXPECT_EQ(Uniform(kKey, 4 * block + w), static_cast<float>(words[w] >> 8) / 16777216.0f);
  }
}

TEST(RandomTest, FillsEqualElementsWhereverTheyStart) {
  // The second start crosses a carry out of the counter's lowest word.
  for (const uint64_t base : {uint64_t{0}, (uint64_t{4} << 32) - 20, uint64_t{1} << 50}) {
    for (uint64_t first = base; first < base + 9; ++first) {
      for (const size_t size : {0, 1, 2, 3, 5, 16, 37, 1023, 2050}) {
        std::vector<uint32_t> words(size);
        std::vector<float> uniform(size);
        std::vector<float> normal(size);
        FillUint32(kKey, first, words);
        FillUniform(kKey, first, uniform);
        FillNormal(kKey, first, normal);
        for (size_t j = 0; j < size; ++j) {
          ASSERT_EQ(words[j], Uint32(kKey, first + j)) << first << " " << size << " " << j;
          ASSERT_EQ(uniform[j], Uniform(kKey, first + j)) << first << " " << size << " " << j;
          ASSERT_EQ(normal[j], Normal(kKey, first + j)) << first << " " << size << " " << j;
        }
      }
    }
  }
}

TEST(RandomTest, SplitsOfARangeGiveTheSameValues) {
  constexpr size_t kSize = 5000;
  std::vector<float> whole(kSize);
  FillNormal(kKey, 3, whole);
  for (const size_t cut : {1, 2, 3, 4, 5, 1021, 2500, 4999}) {
    std::vector<float> parts(kSize);
    FillNormal(kKey, 3, std::span(parts).first(cut));
    FillNormal(kKey, 3 + cut, std::span(parts).subspan(cut));
    EXPECT_EQ(parts, whole) << cut;
  }
}

TEST(RandomTest, UniformIsUniform) {
  std::vector<float> values(1 << 18);
  FillUniform(kKey, 0, values);
  std::vector<int> bins(64);
  for (const float value : values) {
    ASSERT_GE(value, 0.0f);
    ASSERT_LT(value, 1.0f);
    ++bins[static_cast<size_t>(value * 64)];
  }
  double chi_square = 0.0;
  for (const int count : bins) chi_square += (count - 4096.0) * (count - 4096.0) / 4096.0;
  EXPECT_LT(chi_square, 110.0);  // 63 degrees of freedom: beyond it once in 5,000
  EXPECT_GT(chi_square, 30.0);
}

TEST(RandomTest, NormalHasTheMomentsOfANormal) {
  std::vector<float> values(1 << 18);
  FillNormal(kKey, 0, values);
  double sum = 0.0;
  double squares = 0.0;
  double fourth = 0.0;
  double neighbours = 0.0;
  int beyond_two = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double x = values[i];
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
    if (i % 2 == 0) neighbours += x * values[i + 1];
    if (std::fabs(x) > 2.0) ++beyond_two;
    ASSERT_LT(std::fabs(x), 6.77);
  }
  const double n = static_cast<double>(values.size());
  EXPECT_NEAR(sum / n, 0.0, 4.0 / std::sqrt(n));
  EXPECT_NEAR(squares / n, 1.0, 4.0 * std::sqrt(2.0 / n));
  EXPECT_NEAR(fourth / n, 3.0, 4.0 * std::sqrt(96.0 / n));
  EXPECT_NEAR(2.0 * neighbours / n, 0.0, 4.0 * std::sqrt(2.0 / n));
  EXPECT_NEAR(beyond_two / n, 0.0455, 4.0 * std::sqrt(0.0455 / n));
}

// The contract itself: these bits come out on every device.
TEST(RandomTest, BitsArePinned) {
  uint64_t hash = 0xcbf29ce484222325u;
  std::vector<float> values(10001);
  FillNormal(kKey, 12345, values);
  for (const float value : values) hash = (hash ^ std::bit_cast<uint32_t>(value)) * 0x100000001b3u;
  EXPECT_EQ(hash, 0x66bb40bbf5874146u);
}

TEST(KeepMaskTest, FillEqualsKeeps) {
  const KeepMask mask(kKey, 0.3);
  for (uint64_t first = 0; first < 8; ++first) {
    std::vector<uint8_t> keep(3001, 7);
    mask.Fill(first, keep);
    for (size_t j = 0; j < keep.size(); ++j) ASSERT_EQ(keep[j], mask.Keeps(first + j) ? 1 : 0) << first << " " << j;
  }
}

TEST(KeepMaskTest, DropsTheShareItIsTold) {
  for (const double rate : {0.1, 0.5, 0.9}) {
    std::vector<uint8_t> keep(100000);
    KeepMask(kKey, rate).Fill(1, keep);
    const auto dropped = static_cast<double>(std::count(keep.begin(), keep.end(), 0));
    EXPECT_NEAR(dropped / 1e5, rate, 4.0 * std::sqrt(rate * (1 - rate) / 1e5)) << rate;
  }
}

TEST(KeepMaskTest, ThresholdIsRateOf32Bits) {
  EXPECT_EQ(KeepMask(kKey, 0.0).threshold, 0u);
  EXPECT_EQ(KeepMask(kKey, 0.5).threshold, 0x80000000u);
  EXPECT_EQ(KeepMask(kKey, 0.1).threshold, 429496730u);
  EXPECT_EQ(KeepMask(kKey, 1.0 - 0x1p-40).threshold, 0xffffffffu);
  std::vector<uint8_t> keep(10000);
  KeepMask(kKey, 0.0).Fill(0, keep);
  EXPECT_EQ(std::count(keep.begin(), keep.end(), 1), 10000);
}

}  // namespace
}  // namespace banyan
