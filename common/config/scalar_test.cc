#include "common/config/scalar.h"

#include <limits>

#include "gtest/gtest.h"

namespace banyan::config {
namespace {

TEST(ScalarTest, ReadsWholeNumbers) {
  EXPECT_EQ(ParseUnsigned("0"), 0u);
  EXPECT_EQ(ParseUnsigned("1_000"), 1000u);
  EXPECT_EQ(ParseUnsigned("1e6"), 1'000'000u);
  EXPECT_EQ(ParseUnsigned("18446744073709551615"), std::numeric_limits<uint64_t>::max());
  for (const char* text : {"", "-1", "+1", "1.5", "010", "0x10", "_1", "1_", "1__0", "1e-1", "1 ", "ten", "1e19",
                           "18446744073709551616"}) {
    EXPECT_EQ(ParseUnsigned(text), std::nullopt) << text;
  }
}

TEST(ScalarTest, ReadsNumbers) {
  EXPECT_EQ(ParseDouble("3e-3"), 0.003);
  EXPECT_EQ(ParseDouble("+.5"), 0.5);
  EXPECT_EQ(ParseDouble("-1_000.25"), -1000.25);
  for (const char* text : {"", "nan", "inf", "-inf", "1e999", "1e-999", "3e-", "0x1p3", "+-1", "1,5", ".", "no"}) {
    EXPECT_EQ(ParseDouble(text), std::nullopt) << text;
  }
}

TEST(ScalarTest, WritesNumbersAsShortAsTheyReadBack) {
  EXPECT_EQ(FormatDouble(4e-3), "0.004");
  EXPECT_EQ(FormatDouble(1e-8), "1e-08");
  EXPECT_EQ(FormatDouble(-0.0), "0");
  for (const double value : {0.1, 1.0 / 3, 5e-324, std::numeric_limits<double>::max()}) {
    EXPECT_EQ(ParseDouble(FormatDouble(value)), value);
  }
}

TEST(ScalarTest, ReadsWordsAsBoolsOnlyWhereAskedTo) {
  EXPECT_EQ(ParseBool("no"), false);
  EXPECT_EQ(ParseBool("true"), true);
  EXPECT_EQ(ParseBool("1"), std::nullopt);
}

TEST(ScalarTest, ReadsAndWritesDurations) {
  EXPECT_EQ(ParseDuration("5m"), 300'000'000'000);
  EXPECT_EQ(ParseDuration("1h30m"), 5'400'000'000'000);
  EXPECT_EQ(ParseDuration("250ms"), 250'000'000);
  for (const char* text : {"", "5", "m", "30m1h", "1h1h", "-5m", "1.5h", "5 m", "5min", "1000000d", "1h 30m"}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
  EXPECT_EQ(FormatDuration(0), "0s");
  EXPECT_EQ(FormatDuration(5'400'000'000'000), "1h30m");
  EXPECT_EQ(FormatDuration(-1), "-1ns");
  EXPECT_EQ(FormatDuration(90'061'001'002'003), "1d1h1m1s1ms2us3ns");
  EXPECT_EQ(ParseDuration("1d1h1m1s1ms2us3ns"), 90'061'001'002'003);
}

}  // namespace
}  // namespace banyan::config
