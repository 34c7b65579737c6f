#include "common/reduce/norm.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace banyan {
namespace {

template <typename T>
std::vector<T> Normal(size_t n, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::vector<T> values(n);
  for (T& value : values) {
    value = static_cast<T>(normal(random) * std::ldexp(1.0, static_cast<int>(random() % 40) - 20));
  }
  return values;
}

// The definition in the header, word for word, one scalar operation at a time.
template <typename T>
double OracleBlock(const T* values, size_t n) {
  volatile double lane[16] = {};
  for (size_t i = 0; i < n; ++i) {
    volatile double square = static_cast<double>(values[i]) * static_cast<double>(values[i]);
    lane[i % 16] = lane[i % 16] + square;
  }
  for (size_t half : {8, 4, 2, 1}) {
    for (size_t l = 0; l < half; ++l) lane[l] = lane[l] + lane[l + half];
  }
  return lane[0];
}

// Node (level, index) of the tree over `blocks`, by recursion.
double OracleNode(const std::vector<double>& blocks, size_t level, size_t index) {
  if (level == 0) return blocks[index];
  const double left = OracleNode(blocks, level - 1, 2 * index);
  if (((2 * index + 1) << (level - 1)) >= blocks.size()) return left;
  return left + OracleNode(blocks, level - 1, 2 * index + 1);
}

template <typename T>
double OracleTensor(const std::vector<T>& tensor) {
  std::vector<double> blocks;
  for (size_t i = 0; i < tensor.size(); i += kBlockElements) {
    blocks.push_back(OracleBlock(tensor.data() + i, std::min(kBlockElements, tensor.size() - i)));
  }
  size_t level = 0;
  while ((size_t{1} << level) < blocks.size()) ++level;
  return OracleNode(blocks, level, 0);
}

template <typename T>
class NormTest : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(NormTest, Types);

TYPED_TEST(NormTest, EveryLevelSumsABlockInTheWrittenOrder) {
  using T = TypeParam;
  for (const CpuLevel level : SupportedCpuLevels()) {
    for (const size_t n : {0, 1, 2, 15, 16, 17, 31, 33, 100, 4095, 4096}) {
      const std::vector<T> block = Normal<T>(n, n);
      EXPECT_EQ(BlockSumOfSquares(level, std::span<const T>(block)), OracleBlock(block.data(), n))
          << CpuLevelName(level) << " n=" << n;
    }
  }
}

TYPED_TEST(NormTest, ChunkSizeDoesNotMatter) {
  using T = TypeParam;
  for (const size_t blocks : {1, 2, 3, 5, 8, 11, 13, 21}) {
    const std::vector<T> tensor = Normal<T>(blocks * kBlockElements - 1234, blocks);
    const double expected = OracleTensor(tensor);
    for (const CpuLevel level : SupportedCpuLevels()) {
      for (size_t chunk = kBlockElements; chunk <= 64 * kBlockElements; chunk *= 2) {
        std::vector<double> segments;
        for (size_t begin = 0; begin < tensor.size(); begin += chunk) {
          const size_t size = std::min(chunk, tensor.size() - begin);
          segments.push_back(SegmentSumOfSquares(level, std::span<const T>(tensor).subspan(begin, size)));
        }
        EXPECT_EQ(JoinNodes(segments), expected) << blocks << " blocks, chunk " << chunk;
      }
    }
  }
}

TYPED_TEST(NormTest, IsTheSumOfSquares) {
  using T = TypeParam;
  const std::vector<T> tensor(10000, T{3});
  EXPECT_EQ(SegmentSumOfSquares(CpuLevel::kSse2, std::span<const T>(tensor)), 90000.0);
}

TYPED_TEST(NormTest, NonFiniteElementMakesTheSumNonFinite) {
  using T = TypeParam;
  for (const CpuLevel level : SupportedCpuLevels()) {
    for (const size_t i : {0, 5000, 9999}) {
      std::vector<T> tensor(10000, T{1});
      tensor[i] = -std::numeric_limits<T>::infinity();
      EXPECT_FALSE(std::isfinite(SegmentSumOfSquares(level, std::span<const T>(tensor))));
      tensor[i] = std::numeric_limits<T>::quiet_NaN();
      EXPECT_FALSE(std::isfinite(SegmentSumOfSquares(level, std::span<const T>(tensor))));
    }
  }
}

TEST(JoinNodesTest, OddLastNodeRisesUnchanged) {
  EXPECT_EQ(JoinNodes({}), 0);
  EXPECT_EQ(JoinNodes({5}), 5);
  // (1e16 + 1) + 1 loses both ones; 1e16 + (1 + 1) would not. Five nodes: ((a+b) + (c+d)) + e.
  EXPECT_EQ(JoinNodes({1e16, 1, 1}), (1e16 + 1) + 1);
  EXPECT_EQ(JoinNodes({1e16, 1, 1, 1, 1}), ((1e16 + 1) + (1.0 + 1.0)) + 1);
}

TEST(JoinTensorsTest, GoesByNameWhateverTheOrderGiven) {
  std::vector<TensorSum> tensors = {{"a", 1e16}, {"b", 1}, {"b.c", 1}, {"Z", 3}};
  const double expected = ((3 + 1e16) + 1) + 1;
  std::sort(tensors.begin(), tensors.end(), [](const auto& x, const auto& y) { return x.name < y.name; });
  do {
    EXPECT_EQ(JoinTensors(tensors), expected);
  } while (std::next_permutation(tensors.begin(), tensors.end(),
                                 [](const auto& x, const auto& y) { return x.name < y.name; }));
}

TEST(ComputeStepNormTest, ScalesTheMeanGradientDownToTheClip) {
  // A gradient sum of norm 30 over 10 samples, scaled by 2: mean gradient norm 1.5.
  const StepNorm clipped = ComputeStepNorm(900, 10, 2, 0.5);
  EXPECT_DOUBLE_EQ(clipped.norm, 1.5);
  EXPECT_DOUBLE_EQ(clipped.gradient_factor, 0.5 / (1.5 + 1e-6) / 20);

  EXPECT_DOUBLE_EQ(ComputeStepNorm(900, 10, 2, 5).gradient_factor, 1.0 / 20);
  EXPECT_DOUBLE_EQ(ComputeStepNorm(900, 10, 2, 0).gradient_factor, 1.0 / 20);
}

TEST(ComputeStepNormTest, InfiniteSumGivesInfiniteNorm) {
  EXPECT_FALSE(std::isfinite(ComputeStepNorm(INFINITY, 1, 1, 1).norm));
  EXPECT_FALSE(std::isfinite(ComputeStepNorm(NAN, 1, 1, 1).norm));
}

}  // namespace
}  // namespace banyan
