#include "worker/generation/byte_text.h"

#include <string>

#include "gtest/gtest.h"

namespace banyan::worker {
namespace {

std::string Show(std::string_view bytes) {
  ByteText text;
  std::string shown;
  for (const char byte : bytes) shown += text.Add(static_cast<uint8_t>(byte));
  return shown + text.Finish();
}

#define BAD "\xEF\xBF\xBD"

TEST(ByteTextTest, WholeCharactersStayAsTheyAre) {
  const std::string text = "In the\n\tbeginning \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x8C\xB3";
  EXPECT_EQ(Show(text), text);
}

TEST(ByteTextTest, BytesOfNoCharacterAreReplaced) {
  EXPECT_EQ(Show("a\xFF" "b"), "a" BAD "b");
  EXPECT_EQ(Show("a\x80" "b"), "a" BAD "b");
  EXPECT_EQ(Show("\xE2\x82" "b"), BAD BAD "b");
  EXPECT_EQ(Show("\xC0\xAF"), BAD BAD);          // an overlong slash
  EXPECT_EQ(Show("\xED\xA0\x80"), BAD BAD BAD);  // a surrogate
  EXPECT_EQ(Show("\xF0\x9F\x8C"), BAD BAD BAD);  // the end of the text
  EXPECT_EQ(Show(std::string(1, '\0')), BAD);
}

TEST(ByteTextTest, ACharacterIsShownAsSoonAsItIsWhole) {
  ByteText text;
  EXPECT_EQ(text.Add(0xE2), "");
  EXPECT_EQ(text.Add(0x82), "");
  EXPECT_EQ(text.Add(0xAC), "\xE2\x82\xAC");
  EXPECT_EQ(text.Add('a'), "a");
}

TEST(ByteTextTest, TokensAreBytes) {
  EXPECT_EQ(EncodeBytes("a\xFF"), std::vector<int32_t>({97, 255}));
}

}  // namespace
}  // namespace banyan::worker
