#include "common/fingerprint/state_fingerprint.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace banyan {
namespace {

// A tensor with two slots, every element distinct.
struct Tensor {
  explicit Tensor(size_t n) : weights(n), a(n), b(n) {
    for (size_t i = 0; i < n; ++i) {
      weights[i] = static_cast<float>(i);
      a[i] = static_cast<float>(i) + 0.25f;
      b[i] = static_cast<float>(i) + 0.5f;
    }
  }
  uint64_t Fingerprint(const std::string& name = "h.0.w") {
    float* const slots[] = {a.data(), b.data()};
    return SegmentFingerprint(name, 0, std::span<const float>(weights), slots);
  }
  std::vector<float> weights, a, b;
};

// The header's formula with one-shot hashes over copied bytes.
uint64_t Oracle(const Tensor& tensor, const std::string& name) {
  uint64_t sum = 0;
  for (size_t begin = 0, block = 0; begin < tensor.weights.size(); begin += kBlockElements, ++block) {
    const size_t n = std::min(kBlockElements, tensor.weights.size() - begin);
    std::vector<float> bytes(tensor.weights.begin() + begin, tensor.weights.begin() + begin + n);
    bytes.insert(bytes.end(), tensor.a.begin() + begin, tensor.a.begin() + begin + n);
    bytes.insert(bytes.end(), tensor.b.begin() + begin, tensor.b.begin() + begin + n);
    sum += XXH3_64bits_withSeed(bytes.data(), bytes.size() * sizeof(float),
                                XXH3_64bits_withSeed(name.data(), name.size(), block));
  }
  return sum;
}

TEST(StateFingerprintTest, IsTheWrittenFormula) {
  for (const size_t n : {1, 7, 100, 4095, 4096, 4097, 3 * 4096, 20000}) {
    Tensor tensor(n);
    EXPECT_EQ(tensor.Fingerprint(), Oracle(tensor, "h.0.w")) << n;
  }
}

// From the Python package xxhash, so that the formula cannot drift with our own oracle:
//   xxhash.xxh3_64_intdigest(bytes(16384), xxhash.xxh3_64_intdigest(b'w', 0))
TEST(StateFingerprintTest, KnownValue) {
  const std::vector<float> zeros(4096);
  EXPECT_EQ(SegmentFingerprint("w", 0, std::span<const float>(zeros), {}), 0x21a46ee48a8d0f2eu);
}

TEST(StateFingerprintTest, SegmentsAddUpInAnyOrder) {
  Tensor tensor(5 * 4096 + 10);
  uint64_t sum = 0;
  for (const size_t block : {4, 0, 2}) {
    const size_t begin = block * 4096, n = std::min<size_t>(2 * 4096, tensor.weights.size() - begin);
    float* const slots[] = {tensor.a.data() + begin, tensor.b.data() + begin};
    sum += SegmentFingerprint("h.0.w", block, std::span<const float>(tensor.weights).subspan(begin, n), slots);
  }
  EXPECT_EQ(sum, tensor.Fingerprint());
}

TEST(StateFingerprintTest, ChangesWithEveryPartOfTheState) {
  Tensor tensor(2 * 4096 + 5);
  const uint64_t before = tensor.Fingerprint();
  EXPECT_NE(tensor.Fingerprint("h.1.w"), before);
  for (std::vector<float>* part : {&tensor.weights, &tensor.a, &tensor.b}) {
    for (const size_t i : {0, 4096, 2 * 4096 + 4}) {
      const float old = (*part)[i];
      (*part)[i] = old + 1;
      EXPECT_NE(tensor.Fingerprint(), before);
      (*part)[i] = old;
    }
  }
  EXPECT_EQ(tensor.Fingerprint(), before);
}

TEST(StateFingerprintTest, SwappedBlocksSlotsAndZeroSignsDiffer) {
  Tensor tensor(2 * 4096);
  const uint64_t before = tensor.Fingerprint();
  std::swap(tensor.a, tensor.b);
  EXPECT_NE(tensor.Fingerprint(), before);
  std::swap(tensor.a, tensor.b);
  for (std::vector<float>* part : {&tensor.weights, &tensor.a, &tensor.b}) {
    std::rotate(part->begin(), part->begin() + 4096, part->end());
  }
  EXPECT_NE(tensor.Fingerprint(), before);

  Tensor zero(3);
  const uint64_t positive = zero.Fingerprint();
  zero.weights[0] = -0.0f;
  EXPECT_NE(zero.Fingerprint(), positive);
}

TEST(StateFingerprintTest, DoubleTensorsHashTheirOwnBytes) {
  const std::vector<double> weights(4097, 1.5);
  const uint64_t expected =
      XXH3_64bits_withSeed(weights.data(), 4096 * 8, XXH3_64bits_withSeed("w", 1, 0)) +
      XXH3_64bits_withSeed(weights.data(), 8, XXH3_64bits_withSeed("w", 1, 1));
  EXPECT_EQ(SegmentFingerprint("w", 0, std::span<const double>(weights), {}), expected);
}

}  // namespace
}  // namespace banyan
