#include <string>

#include "common/digest/sha256.h"
#include "common/digest/xxh3.h"
#include "gtest/gtest.h"

namespace banyan {
namespace {

std::span<const std::byte> Bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST(Sha256Test, GivesPublishedValues) {
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 stream;
  stream.Update("a");
  stream.Update("bc");
  EXPECT_EQ(stream.FinishHex(), Sha256Hex("abc"));
}

TEST(Xxh3Test, GivesPublishedValues) {
  EXPECT_EQ(Xxh3(Bytes("")), 0x2d06800538d394c2u);
  EXPECT_NE(Xxh3(Bytes("abc")), Xxh3(Bytes("abc"), 1));
}

TEST(Xxh3Test, StreamDoesNotDependOnCuts) {
  std::string text(5000, '\0');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 7);
  for (const size_t cut : {0u, 1u, 16u, 240u, 4999u, 5000u}) {
    Xxh3Stream stream(42);
    stream.Update(Bytes(text).first(cut));
    stream.Update(Bytes(text).subspan(cut));
    EXPECT_EQ(stream.Digest(), Xxh3(Bytes(text), 42));
  }
}

}  // namespace
}  // namespace banyan
