#include "common/checkpoint/safetensors.h"

#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/bytes.h"
#include "common/file/file_util.h"
#include "common/file/simulated_disk.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace banyan {
namespace {

using ::testing::HasSubstr;

// The error for a header with `text` before `data_size` bytes.
std::string ErrorOf(const std::string& text, uint64_t data_size) {
  return std::string(ParseSafetensorsHeader(text, 8 + text.size() + data_size).status().message());
}

TEST(SafetensorsTest, WritesTheBytesThatTheFormatPrescribes) {
  const std::string header =
      EncodeSafetensorsHeader({{"a", DType::kF32, {2, 3}}, {"b\"\xc3\xa9", DType::kI64, {}}}, {{"format", "pt"}})
          .value();
  EXPECT_EQ(header.substr(8),
            "{\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
            "\"b\\\"\xc3\xa9\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[24,32]}}      ");
  EXPECT_EQ(LoadU64(AsBytes(header)), header.size() - 8);
  EXPECT_EQ(header.size() % 8, 0);
}

TEST(SafetensorsTest, ReadsWhatItWrites) {
  const std::string bytes =
      EncodeSafetensorsHeader({{"z", DType::kU8, {3}}, {"empty", DType::kF64, {0}}, {"a", DType::kF16, {2}}}, {})
          .value();
  SimulatedDisk disk;
  ASSERT_TRUE(WriteFileAtomically(disk, "/f", bytes + "abcdefg").ok());
  const auto header = ReadSafetensorsHeader(*disk.Open("/f", OpenMode::kRead).value());
  ASSERT_TRUE(header.ok()) << header.status();
  ASSERT_EQ(header->tensors.size(), 3);
  EXPECT_EQ(header->tensors[0].name, "z");
  EXPECT_EQ(header->tensors[2].begin, bytes.size() + 3);
  EXPECT_EQ(header->tensors[2].end, bytes.size() + 7);
}

TEST(SafetensorsTest, RefusesNamesItCannotWrite) {
  for (const char* name : {"", "__metadata__", "\xff"}) {
    EXPECT_FALSE(EncodeSafetensorsHeader({{name, DType::kU8, {}}}, {}).ok());
  }
  EXPECT_FALSE(EncodeSafetensorsHeader({{"a", DType::kU8, {}}, {"a", DType::kU8, {}}}, {}).ok());
  EXPECT_FALSE(EncodeSafetensorsHeader({{"a", DType::kF64, {int64_t{1} << 61}}}, {}).ok());
}

TEST(SafetensorsTest, RefusesBadHeaders) {
  const std::string a = R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  EXPECT_EQ(ErrorOf("{" + a + "}", 4), "");
  EXPECT_THAT(ErrorOf("{" + a + "," + a + "}", 4), HasSubstr("'a' appears twice"));
  EXPECT_THAT(ErrorOf(" {" + a + "}", 4), HasSubstr("does not start with '{'"));
  EXPECT_THAT(ErrorOf("{" + a + "}", 5), HasSubstr("end at byte 4 of the data, which has 5"));
  EXPECT_THAT(ErrorOf("{" + a + "}", 3), HasSubstr("end at byte 4"));
  EXPECT_THAT(ErrorOf(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8), HasSubstr("expected 0"));
  EXPECT_THAT(ErrorOf("{" + a + R"(,"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4),
              HasSubstr("tensor 'b' begins at byte 0 of the data, expected 4"));
  EXPECT_THAT(ErrorOf(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4),
              HasSubstr("has 4 bytes, but shape [2] of F32 takes 8"));
  EXPECT_THAT(ErrorOf(R"({"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}})", 4), HasSubstr("unknown dtype"));
  EXPECT_THAT(ErrorOf(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4), HasSubstr("shape"));
  EXPECT_THAT(ErrorOf(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", 0),
              HasSubstr("overflows"));
  EXPECT_THAT(ErrorOf(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4), HasSubstr("data_offsets"));
  EXPECT_THAT(ErrorOf(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}})", 4), HasSubstr("object of"));
  EXPECT_THAT(ErrorOf(R"({"__metadata__":{"a":1}})", 0), HasSubstr("__metadata__"));
  EXPECT_THAT(ErrorOf("{" + std::string(100000, '['), 0), HasSubstr("not JSON"));
  EXPECT_THAT(ErrorOf("{\"a\":" + std::string(100000, '['), 0), HasSubstr("nested more than"));
}

TEST(SafetensorsTest, RefusesLengthsOutsideTheFile) {
  SimulatedDisk disk;
  const auto error_of = [&](const std::string& content) {
    EXPECT_TRUE(WriteFileAtomically(disk, "/f", content).ok());
    return std::string(ReadSafetensorsHeader(*disk.Open("/f", OpenMode::kRead).value()).status().message());
  };
  EXPECT_THAT(error_of("short"), HasSubstr("safetensors file '/f': 5 bytes are too few"));
  EXPECT_THAT(error_of(std::string(8, '\xff') + "{}"), HasSubstr("header of 18446744073709551615 bytes"));
  EXPECT_THAT(error_of(std::string("\x03\0\0\0\0\0\0\0{}", 10)), HasSubstr("header of 3 bytes in a file of 10"));
  EXPECT_EQ(error_of(std::string("\x02\0\0\0\0\0\0\0{}", 10)), "");
}

// The fuzzer's corpus, each entry also cut off at every byte and with every byte changed in two ways.
TEST(SafetensorsFuzzTest, ReplaysCorpusAndMutations) {
  const std::string corpus[] = {
      absl::StrCat(absl::string_view("\x04\0", 2), R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})"),
      absl::StrCat(absl::string_view("\x0e\0", 2), R"({"__metadata__":{"format":"pt"},)",
                   R"("b":{"dtype":"F64","shape":[],"data_offsets":[6,14]},)",
                   R"("\u00e9":{"dtype":"BF16","shape":[3,1],"data_offsets":[0,6]}}   )"),
      absl::StrCat(absl::string_view("\0\0", 2),
                   R"({"e":{"dtype":"U8","shape":[0,18446744073709551615],"data_offsets":[0,0]}})"),
      absl::StrCat(absl::string_view("\0\0", 2), R"({"e":{"dtype":"I8","shape":[0],"data_offsets":[0,0]},)",
                   R"("":{"dtype":"BOOL","shape":[0],"data_offsets":[0,0]}})"),
  };
  const auto run = [](const std::string& input) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
  };
  std::mt19937 random(1);
  for (const std::string& entry : corpus) {
    run(entry);
    for (size_t i = 0; i < entry.size(); ++i) {
      run(entry.substr(0, i));
      std::string changed = entry;
      changed[i] ^= static_cast<char>(1 << (random() % 8));
      run(changed);
      changed[i] = "{}[],:\"0-9e\\\xff"[random() % 13];
      run(changed);
    }
  }
}

}  // namespace
}  // namespace banyan
