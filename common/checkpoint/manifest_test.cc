#include "common/checkpoint/manifest.h"

#include <string>

#include "common/file/file_util.h"
#include "common/file/simulated_disk.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace banyan {
namespace {

using ::testing::HasSubstr;

v1::CheckpointManifest Small() {
  v1::CheckpointManifest manifest;
  manifest.set_format_version(kCheckpointFormatVersion);
  manifest.set_step(200);
  manifest.mutable_recipe()->mutable_model()->mutable_linear()->set_outputs(2);
  SetTensors({{"w", DType::kBF16, {2, 3}, CheckpointTensor::Kind::kStatistic, {}}}, manifest);
  v1::CheckpointFile& file = *manifest.add_files();
  file.set_name("model.safetensors");
  file.set_size(10);
  file.add_ranges()->set_size(8);
  file.add_ranges()->set_size(2);
  file.mutable_ranges(1)->set_checksum(~uint64_t{0});
  return manifest;
}

std::string ErrorOf(const std::string& json) { return std::string(ManifestFromJson(json).status().message()); }

TEST(ManifestTest, SurvivesJson) {
  const std::string json = ManifestToJson(Small()).value();
  EXPECT_THAT(json, HasSubstr("\"format_version\": 1"));
  EXPECT_EQ(ManifestFromJson(json).value().SerializeAsString(), Small().SerializeAsString());
  const auto tensors = TensorsOf(Small()).value();
  EXPECT_EQ(tensors[0].kind, CheckpointTensor::Kind::kStatistic);
  EXPECT_EQ(tensors[0].shape, Shape({2, 3}));
}

TEST(ManifestTest, RefusesAnotherVersionBeforeItsUnknownFields) {
  const auto status = ManifestFromJson(R"({"format_version": 2, "invention": []})").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(), "checkpoint has format version 2, this program reads version 1");
  EXPECT_TRUE(absl::IsFailedPrecondition(ManifestFromJson("{}").status()));
}

TEST(ManifestTest, IsStrict) {
  EXPECT_THAT(ErrorOf(R"({"format_version": 1, "invention": 1})"), HasSubstr("invention"));
  EXPECT_THAT(ErrorOf(R"({"format_version": 1, "step": "1", "step": "2"})"), HasSubstr("'step' appears twice"));
  EXPECT_THAT(ErrorOf(R"({"format_version": 1, "x": )" + std::string(100000, '[')), HasSubstr("nested more than"));
  EXPECT_THAT(ErrorOf(R"({"format_version": 1})"), HasSubstr("no files"));
}

TEST(ManifestTest, RefusesFilesThatLeaveTheDirectoryOrAreNotCovered) {
  for (const std::string name : {"../x", "/etc/passwd", "..", ""}) {
    v1::CheckpointManifest manifest = Small();
    manifest.mutable_files(0)->set_name(name);
    EXPECT_THAT(ErrorOf(ManifestToJson(manifest).value()), HasSubstr("leaves the directory"));
  }
  v1::CheckpointManifest manifest = Small();
  manifest.mutable_files(0)->mutable_ranges(0)->set_size(7);
  EXPECT_THAT(ErrorOf(ManifestToJson(manifest).value()), HasSubstr("has 10 bytes, its checksums cover 9"));
  manifest.mutable_files(0)->mutable_ranges(0)->set_size(~uint64_t{0});
  EXPECT_THAT(ErrorOf(ManifestToJson(manifest).value()), HasSubstr("impossible size"));
}

TEST(ManifestTest, AnyFlippedBitOfEitherFileIsFound) {
  SimulatedDisk disk;
  ASSERT_TRUE(WriteManifest(disk, "/", Small()).ok());
  ASSERT_TRUE(ReadManifest(disk, "/").ok());
  for (const char* name : {"/manifest.json", "/manifest.json.sha256"}) {
    const uint64_t bits = disk.Stat(name).value().size * 8;
    for (uint64_t bit = 0; bit < bits; ++bit) {
      ASSERT_TRUE(disk.FlipBit(name, bit).ok());
      EXPECT_TRUE(absl::IsDataLoss(ReadManifest(disk, "/").status())) << name << " bit " << bit;
      ASSERT_TRUE(disk.FlipBit(name, bit).ok());
    }
  }
}

TEST(ManifestTest, SaysWhatIsMissing) {
  SimulatedDisk disk;
  EXPECT_TRUE(absl::IsNotFound(ReadManifest(disk, "/").status()));
  ASSERT_TRUE(WriteManifest(disk, "/", Small()).ok());
  ASSERT_TRUE(disk.Remove("/manifest.json.sha256").ok());
  EXPECT_TRUE(absl::IsDataLoss(ReadManifest(disk, "/").status()));
}

}  // namespace
}  // namespace banyan
