#include "common/random/permutation.h"

#include <cmath>
#include <cstddef>
#include <map>
#include <vector>

#include "gtest/gtest.h"

namespace banyan {
namespace {

std::vector<uint64_t> Order(const Permutation& permutation) {
  std::vector<uint64_t> order;
  for (uint64_t p = 0; p < permutation.size(); ++p) order.push_back(permutation.Map(p));
  return order;
}

TEST(PermutationTest, IsABijectionForEverySmallSize) {
  for (uint64_t size = 1; size <= 2100; ++size) {
    const Permutation permutation(7, size % 5, size);
    std::vector<bool> seen(size);
    for (uint64_t p = 0; p < size; ++p) {
      const uint64_t value = permutation.Map(p);
      ASSERT_LT(value, size);
      ASSERT_FALSE(seen[value]) << size << " " << p;
      seen[value] = true;
      ASSERT_EQ(permutation.Inverse(value), p) << size;
    }
  }
}

TEST(PermutationTest, InverseUndoesMapForLargeSizes) {
  for (const uint64_t size : {uint64_t{1} << 20, (uint64_t{1} << 32) - 1, (uint64_t{1} << 32) + 1,
                              uint64_t{1000000000007}, uint64_t{1} << 62}) {
    const Permutation permutation(3, 1, size);
    for (uint64_t i = 0; i < 2000; ++i) {
      const uint64_t position = i * 0x9e3779b97f4a7c15u % size;
      const uint64_t value = permutation.Map(position);
      ASSERT_LT(value, size);
      ASSERT_EQ(permutation.Inverse(value), position) << size;
    }
  }
}

TEST(PermutationTest, EpochsAndSeedsDiffer) {
  const std::vector<uint64_t> order = Order(Permutation(1, 0, 1000));
  EXPECT_EQ(Order(Permutation(1, 0, 1000)), order);
  for (const auto& other : {Order(Permutation(1, 1, 1000)), Order(Permutation(2, 0, 1000))}) {
    size_t same = 0;
    for (size_t i = 0; i < order.size(); ++i) same += other[i] == order[i];
    EXPECT_LT(same, 10u);  // one is expected
  }
}

TEST(PermutationTest, EveryPositionIsUniformOverEpochs) {
  constexpr uint64_t kSize = 50;
  constexpr int kEpochs = 5000;
  std::vector<std::vector<int>> counts(kSize, std::vector<int>(kSize));
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    const Permutation permutation(11, epoch, kSize);
    for (uint64_t p = 0; p < kSize; ++p) ++counts[p][permutation.Map(p)];
  }
  double chi_square = 0.0;
  const double expected = static_cast<double>(kEpochs) / kSize;
  for (const auto& row : counts) {
    for (const int count : row) chi_square += (count - expected) * (count - expected) / expected;
  }
  const double freedom = (kSize - 1.0) * (kSize - 1.0);
  EXPECT_NEAR(chi_square, freedom, 4.0 * std::sqrt(2.0 * freedom));
}

TEST(PermutationTest, TinySizesSeeEveryOrder) {
  std::map<std::vector<uint64_t>, int> orders;
  for (int epoch = 0; epoch < 2400; ++epoch) ++orders[Order(Permutation(5, epoch, 4))];
  EXPECT_EQ(orders.size(), 24u);
  for (const auto& [order, count] : orders) EXPECT_NEAR(count, 100, 45);
}

TEST(PermutationTest, NeighboursAreSpread) {
  const Permutation permutation(1, 0, 1 << 16);
  double distance = 0.0;
  for (uint64_t p = 0; p + 1 < permutation.size(); ++p) {
    distance += std::fabs(static_cast<double>(permutation.Map(p)) - static_cast<double>(permutation.Map(p + 1)));
  }
  EXPECT_NEAR(distance / 65535, 65536 / 3.0, 500);
}

TEST(PermutationTest, ValuesArePinned) {
  EXPECT_EQ(Order(Permutation(1, 0, 10)), (std::vector<uint64_t>{3, 9, 1, 8, 7, 4, 5, 0, 2, 6}));
  EXPECT_EQ(Permutation(1, 2, 1000000007).Map(123456789), 996131190u);
}

}  // namespace
}  // namespace banyan
