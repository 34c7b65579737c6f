#include "common/optimizer/decay_filter.h"

#include <string>

#include "gtest/gtest.h"

namespace banyan {
namespace {

TEST(DecayFilterTest, EverythingDecaysByDefault) {
  EXPECT_TRUE(DecayFilter().Decays("h.0.mlp.c_fc.bias", "bias"));
  EXPECT_TRUE(DecayFilter().Decays("", ""));
}

TEST(DecayFilterTest, RolesNameParameters) {
  const DecayFilter filter({"bias", "norm"});
  EXPECT_FALSE(filter.Decays("h.0.mlp.c_fc.bias", "bias"));
  EXPECT_FALSE(filter.Decays("h.0.ln_1.weight", "norm"));
  EXPECT_TRUE(filter.Decays("wte.weight", "embedding"));
  EXPECT_TRUE(filter.Decays("h.0.mlp.c_fc.weight", ""));
}

TEST(DecayFilterTest, PatternsMatchTheWholeName) {
  const DecayFilter filter({"h.*.ln_?.weight", "wp*", "*.c_fc.*", "lm_head"});
  EXPECT_FALSE(filter.Decays("wpe.weight", ""));
  EXPECT_FALSE(filter.Decays("h.11.mlp.c_fc.weight", ""));
  EXPECT_FALSE(filter.Decays("lm_head", ""));
  EXPECT_TRUE(filter.Decays("lm_head.weight", ""));
  EXPECT_TRUE(filter.Decays("the.wpe", ""));
  // '?' is no wildcard.
  EXPECT_TRUE(filter.Decays("h.0.ln_1.weight", ""));
}

TEST(DecayFilterTest, StarsBacktrackAndMatchNothingToo) {
  const DecayFilter filter({"a*b*c", "**x**"});
  EXPECT_FALSE(filter.Decays("abc", ""));
  EXPECT_FALSE(filter.Decays("aXbcbYbc", ""));
  EXPECT_FALSE(filter.Decays("x", ""));
  EXPECT_TRUE(filter.Decays("abcb", ""));
  EXPECT_TRUE(filter.Decays("acb", ""));
}

TEST(DecayFilterTest, HostilePatternIsQuick) {
  std::string pattern;
  for (int i = 0; i < 40; ++i) pattern += "a*";
  EXPECT_TRUE(DecayFilter({pattern + "b"}).Decays(std::string(2000, 'a'), ""));
}

}  // namespace
}  // namespace banyan
