#include "common/reduce/join.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace banyan {
namespace {

// Every kind of number: normal, denormal, both zeros, infinities. No NaN.
template <typename T>
std::vector<T> AllKinds(size_t n, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<T> values(n);
  for (T& value : values) {
    const T fraction = static_cast<T>(static_cast<int64_t>(random() % 2000001) - 1000000);
    switch (random() % 8) {
      case 0:
        value = fraction * std::numeric_limits<T>::denorm_min();
        break;
      case 1:
        value = std::copysign(T{0}, fraction);
        break;
      case 2:
        value = random() % 64 == 0 ? std::copysign(std::numeric_limits<T>::infinity(), T{1}) : fraction;
        break;
      case 3:
        value = fraction * std::numeric_limits<T>::min();
        break;
      default:
        value = fraction * static_cast<T>(std::ldexp(1.0, static_cast<int>(random() % 60) - 30));
    }
  }
  return values;
}

template <typename T>
bool SameBits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

// One addition that no compiler vectorises.
template <typename T>
T ScalarAdd(T left, T right) {
  volatile T a = left, b = right;
  volatile T sum = a + b;
  return sum;
}

constexpr size_t kLengths[] = {0, 1, 3, 15, 16, 17, 63, 64, 65, 127, 1000, 4096, 4099};

template <typename T>
class JoinTest : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(JoinTest, Types);

TYPED_TEST(JoinTest, EveryLevelAddsAsAScalarDoes) {
  using T = TypeParam;
  for (const CpuLevel level : SupportedCpuLevels()) {
    for (const size_t n : kLengths) {
      const std::vector<T> left = AllKinds<T>(n, 1 + n), right = AllKinds<T>(n, 1000 + n);
      std::vector<T> expected(n);
      for (size_t i = 0; i < n; ++i) expected[i] = ScalarAdd(left[i], right[i]);

      std::vector<T> sum = left, out(n);
      Join(level, std::span<T>(sum), std::span<const T>(right));
      JoinTo(level, std::span<T>(out), std::span<const T>(left), std::span<const T>(right));

      EXPECT_TRUE(SameBits(sum, expected)) << CpuLevelName(level) << " n=" << n;
      EXPECT_TRUE(SameBits(out, expected)) << CpuLevelName(level) << " n=" << n;
    }
  }
}

TYPED_TEST(JoinTest, BytesMayLieAtAnyAddress) {
  using T = TypeParam;
  const size_t n = 1001;
  const std::vector<T> left = AllKinds<T>(n, 5), right = AllKinds<T>(n, 6);
  for (const CpuLevel level : SupportedCpuLevels()) {
    std::vector<T> expected = left;
    Join(level, std::span<T>(expected), std::span<const T>(right));
    for (size_t offset = 0; offset < 9; ++offset) {
      std::vector<std::byte> wire(offset + n * sizeof(T));
      std::memcpy(wire.data() + offset, right.data(), n * sizeof(T));
      std::vector<T> sum = left;
      JoinBytes(level, std::span<T>(sum), std::span<const std::byte>(wire).subspan(offset));
      EXPECT_TRUE(SameBits(sum, expected)) << CpuLevelName(level) << " offset=" << offset;
    }
  }
}

TYPED_TEST(JoinTest, NeighboursOfTheSpanStay) {
  using T = TypeParam;
  for (const CpuLevel level : SupportedCpuLevels()) {
    std::vector<T> values(40, T{1});
    const std::vector<T> part(37, T{2});
    Join(level, std::span<T>(values).subspan(1, 37), std::span<const T>(part));
    EXPECT_EQ(values[0], 1);
    EXPECT_EQ(values[1], 3);
    EXPECT_EQ(values[37], 3);
    EXPECT_EQ(values[38], 1);
  }
}

TYPED_TEST(JoinTest, DenormalsAreKept) {
  using T = TypeParam;
  const T tiny = std::numeric_limits<T>::denorm_min();
  for (const CpuLevel level : SupportedCpuLevels()) {
    std::vector<T> sum(33, tiny);
    const std::vector<T> part(33, tiny);
    Join(level, std::span<T>(sum), std::span<const T>(part));
    for (const T value : sum) EXPECT_EQ(value, 2 * tiny);
  }
}

TYPED_TEST(JoinTest, ZeroPartialMakesNegativeZeroPositive) {
  using T = TypeParam;
  for (const CpuLevel level : SupportedCpuLevels()) {
    std::vector<T> sum = AllKinds<T>(1003, 9);
    const std::vector<T> before = sum;
    JoinZero(level, std::span<T>(sum));
    for (size_t i = 0; i < sum.size(); ++i) {
      EXPECT_EQ(sum[i], before[i]);
      EXPECT_FALSE(sum[i] == 0 && std::signbit(sum[i])) << CpuLevelName(level) << " i=" << i;
    }
  }
}

TYPED_TEST(JoinTest, OutMayBeLeftOrRight) {
  using T = TypeParam;
  const std::vector<T> left = AllKinds<T>(259, 3), right = AllKinds<T>(259, 4);
  for (const CpuLevel level : SupportedCpuLevels()) {
    std::vector<T> expected(259), onto_left = left, onto_right = right;
    JoinTo(level, std::span<T>(expected), std::span<const T>(left), std::span<const T>(right));
    JoinTo(level, std::span<T>(onto_left), std::span<const T>(onto_left), std::span<const T>(right));
    JoinTo(level, std::span<T>(onto_right), std::span<const T>(left), std::span<const T>(onto_right));
    EXPECT_TRUE(SameBits(onto_left, expected));
    EXPECT_TRUE(SameBits(onto_right, expected));
  }
}

TYPED_TEST(JoinTest, AllFiniteFindsOneBadElementAnywhere) {
  using T = TypeParam;
  const T kBad[] = {std::numeric_limits<T>::infinity(), -std::numeric_limits<T>::infinity(),
                    std::numeric_limits<T>::quiet_NaN(), -std::numeric_limits<T>::quiet_NaN()};
  for (const CpuLevel level : SupportedCpuLevels()) {
    std::vector<T> values(133, std::numeric_limits<T>::max());
    values[7] = std::numeric_limits<T>::lowest();
    values[8] = std::numeric_limits<T>::denorm_min();
    EXPECT_TRUE(AllFinite(level, std::span<const T>(values)));
    EXPECT_TRUE(AllFinite(level, std::span<const T>()));
    for (size_t i = 0; i < values.size(); ++i) {
      const T good = values[i];
      values[i] = kBad[i % 4];
      EXPECT_FALSE(AllFinite(level, std::span<const T>(values))) << CpuLevelName(level) << " i=" << i;
      values[i] = good;
    }
  }
}

}  // namespace
}  // namespace banyan
