#include "server/shard/payload_join.h"

#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace banyan::server {
namespace {

// `values` as bytes, cut at random places, inside elements too, each piece at an odd address.
Payload Scatter(const std::vector<float>& values, std::mt19937& random) {
  const auto bytes = std::as_bytes(std::span(values));
  Payload payload;
  for (size_t at = 0; at < bytes.size();) {
    const size_t size = std::min<size_t>(bytes.size() - at, 1 + random() % 9);
    auto piece = std::make_shared<std::vector<std::byte>>(size + 1);
    std::memcpy(piece->data() + 1, bytes.data() + at, size);
    payload.Append(std::span(*piece).subspan(1), piece);
    at += size;
  }
  return payload;
}

class PayloadJoinTest : public testing::Test {
 protected:
  void SetUp() override {
    for (size_t i = 0; i < values.size(); ++i) values[i] = 0.37f * static_cast<float>(i) - 3;
  }
  std::vector<float> values = std::vector<float>(123);
};

TEST_F(PayloadJoinTest, CopiesWhereverTheRangesAreCut) {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    std::mt19937 random(seed);
    std::vector<float> out(values.size());

    CopyPayload(out, Scatter(values, random));

    EXPECT_EQ(out, values) << "seed " << seed;
  }
}

TEST_F(PayloadJoinTest, AddsWhereverTheRangesAreCut) {
  for (CpuLevel level : SupportedCpuLevels()) {
    for (uint32_t seed = 0; seed < 50; ++seed) {
      std::mt19937 random(seed);
      std::vector<float> sum(values.size(), 0.1f);

      JoinPayload(level, sum, Scatter(values, random));

      for (size_t i = 0; i < sum.size(); ++i) ASSERT_EQ(sum[i], 0.1f + values[i]) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace banyan::server
