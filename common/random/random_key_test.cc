#include "common/random/random_key.h"

#include <set>
#include <string>

#include "gtest/gtest.h"

namespace banyan {
namespace {

TEST(RandomKeyTest, EveryPartMatters) {
  std::set<uint64_t> streams;
  for (const RandomPurpose purpose : {RandomPurpose::kInitialize, RandomPurpose::kDropout, RandomPurpose::kShuffle}) {
    for (uint64_t step = 0; step < 100; ++step) {
      for (const std::string name : {"", "h.0.attn", "h.1.attn"}) {
        streams.insert(MakeRandomKey(7, purpose, step, NameHash(name)).stream);
      }
    }
  }
  EXPECT_EQ(streams.size(), 900u);
  EXPECT_EQ(MakeRandomKey(8, RandomPurpose::kDropout, 1, 2).seed, 8u);
}

// Values written down once: a change of them changes every job's result.
TEST(RandomKeyTest, ValuesArePinned) {
  EXPECT_EQ(NameHash(""), 0x2d06800538d394c2u);  // XXH3's published value of nothing
  EXPECT_EQ(NameHash("h.0.attn.c_attn.weight"), 0x4351524e8ccf77d7u);
  EXPECT_EQ(MakeRandomKey(1, RandomPurpose::kDropout, 3, NameHash("h.0")).stream, 0xea520511b88a993du);
}

}  // namespace
}  // namespace banyan
