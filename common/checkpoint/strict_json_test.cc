#include "common/checkpoint/strict_json.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace banyan {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(std::string_view text) { return std::string(CheckStrictJson(text, 3).message()); }

TEST(CheckStrictJsonTest, PassesPlainJson) {
  EXPECT_EQ(ErrorOf(R"({"a": [1, -2.5, {"b": null}], "b": "\u00e9", "c": true}  )"), "");
  EXPECT_EQ(ErrorOf(R"({"a": {"x": 1}, "b": {"x": 1}})"), "") << "the same key in two objects";
}

TEST(CheckStrictJsonTest, RefusesAKeyTwice) {
  EXPECT_EQ(ErrorOf(R"({"a": 1, "b": {"a": 1}, "a": 2})"), "key 'a' appears twice in one object");
  EXPECT_THAT(ErrorOf(R"({"a": 1, "\u0061": 2})"), HasSubstr("appears twice"));
}

TEST(CheckStrictJsonTest, RefusesDepthWithoutRecursion) {
  EXPECT_EQ(ErrorOf("[[[1]]]"), "");
  EXPECT_EQ(ErrorOf("[[[[1]]]]"), "nested more than 3 deep");
  EXPECT_FALSE(CheckStrictJson(std::string(1 << 20, '['), 1000).ok());
}

TEST(CheckStrictJsonTest, RefusesWhatIsNotJson) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("not JSON at byte"));
  EXPECT_THAT(ErrorOf("{} x"), HasSubstr("not JSON at byte 4"));
  EXPECT_THAT(ErrorOf("{\"a\": \"\xff\"}"), HasSubstr("UTF-8"));
  EXPECT_THAT(ErrorOf("\xef\xbb\xbf{}"), HasSubstr("byte order mark"));
  EXPECT_FALSE(CheckStrictJson("{\"a\": 1e999}", 3).ok());
}

}  // namespace
}  // namespace banyan
