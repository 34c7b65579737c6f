#include <limits>
#include <memory>
#include <string>

#include "common/base/bytes.h"
#include "common/digest/xxh3.h"
#include "common/tensor/dtype.h"
#include "common/tensor/payload.h"
#include "common/tensor/shape.h"
#include "gtest/gtest.h"

namespace banyan {
namespace {

TEST(DTypeTest, NamesAndSizesAreThoseOfSafetensors) {
  EXPECT_EQ(DTypeName(DType::kBF16), "BF16");
  EXPECT_EQ(ParseDType("F8_E5M2"), DType::kF8E5M2);
  EXPECT_EQ(SizeOf(*ParseDType("F64")), 8);
  EXPECT_EQ(SizeOf(*ParseDType("F16")), 2);
  EXPECT_FALSE(ParseDType("f32").has_value());
  for (int i = 0; i <= static_cast<int>(DType::kF64); ++i) {
    EXPECT_EQ(ParseDType(DTypeName(static_cast<DType>(i))), static_cast<DType>(i));
  }
}

TEST(ShapeTest, CountsElementsAndBytes) {
  EXPECT_EQ(ElementCount({}).value(), 1);
  EXPECT_EQ(ElementCount({2, 3, 4}).value(), 24);
  EXPECT_EQ(ElementCount({5, 0}).value(), 0);
  EXPECT_EQ(ByteSize({2, 3}, DType::kF64).value(), 48);
}

TEST(ShapeTest, RefusesNegativeAndOverflow) {
  const int64_t big = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(ElementCount({2, -1}).status().message(), "shape [2, -1] has a negative length");
  EXPECT_FALSE(ElementCount({big, 2}).ok());
  EXPECT_FALSE(ElementCount({big, 2, 0}).ok());
  EXPECT_TRUE(ElementCount({big, 1}).ok());
  EXPECT_FALSE(ByteSize({big}, DType::kU16).ok());
}

Payload ThreeRanges() {
  Payload payload;
  payload.Append(Payload::Copy(AsBytes("abc")));
  payload.Append(Payload::Copy(AsBytes("")));
  payload.Append(Payload::Borrow(AsBytes("defg")));
  payload.Append(Payload::Copy(AsBytes("h")));
  return payload;
}

std::string Text(const Payload& payload) {
  std::string text(payload.size(), '\0');
  payload.CopyTo(std::as_writable_bytes(std::span(text)));
  return text;
}

TEST(PayloadTest, IsTheConcatenationOfItsRanges) {
  const Payload payload = ThreeRanges();
  EXPECT_EQ(payload.size(), 8);
  EXPECT_EQ(payload.ranges().size(), 3);
  EXPECT_EQ(Text(payload), "abcdefgh");
  EXPECT_EQ(payload.Checksum(), Xxh3(AsBytes("abcdefgh")));
  EXPECT_EQ(Payload().Checksum(), Xxh3(AsBytes("")));
}

TEST(PayloadTest, SlicesAreEverySubstring) {
  const Payload payload = ThreeRanges();
  for (size_t offset = 0; offset <= 8; ++offset) {
    for (size_t size = 0; offset + size <= 8; ++size) {
      EXPECT_EQ(Text(payload.Slice(offset, size)), std::string("abcdefgh").substr(offset, size));
    }
  }
}

TEST(PayloadTest, MayBeAppendedToItself) {
  Payload payload = Payload::Copy(AsBytes("ab"));
  payload.Append(payload);
  EXPECT_EQ(Text(payload), "abab");
}

TEST(PayloadTest, KeepsOwnersAliveThroughSlices) {
  auto owner = std::make_shared<std::string>("bytes");
  const std::weak_ptr<std::string> watch = owner;
  Payload slice;
  {
    Payload payload;
    payload.Append(AsBytes(*owner), owner);
    owner.reset();
    slice = payload.Slice(1, 2);
  }
  EXPECT_FALSE(watch.expired());
  EXPECT_EQ(Text(slice), "yt");
  slice = Payload();
  EXPECT_TRUE(watch.expired());
}

TEST(PayloadDeathTest, RefusesASliceOutside) {
  EXPECT_DEATH(ThreeRanges().Slice(5, 4), "check failed: size <= size_ - offset \\(4 vs 3\\)");
}

}  // namespace
}  // namespace banyan
