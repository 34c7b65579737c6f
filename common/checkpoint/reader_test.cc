#include "common/checkpoint/reader.h"

#include <map>
#include <string>

#include "common/base/bytes.h"
#include "common/checkpoint/checkpoint_fixture.h"
#include "common/checkpoint/hashes.h"
#include "common/file/file_util.h"
#include "common/file/simulated_disk.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace banyan {
namespace {

using fixture::kJob;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr CheckpointName kName{.term = 3, .step = 200};

class CheckpointReaderTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(fixture::WriteAndPublish(disk_, fixture::SmallLayout(), kJob, kName).ok()); }

  absl::Status Load() {
    const auto reader = CheckpointReader::Open(disk_, dir_);
    return reader.ok() ? reader->VerifyAll() : reader.status();
  }

  SimulatedDisk disk_;
  const std::string dir_ = "/job/step-000000000200-term-3";
};

TEST_F(CheckpointReaderTest, GivesBackWhatWasWritten) {
  const auto reader = CheckpointReader::Open(disk_, dir_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(reader->step(), 200);
  EXPECT_EQ(reader->term(), 3);
  EXPECT_EQ(reader->tensors(), fixture::SmallLayout().tensors());
  EXPECT_EQ(fixture::CheckRight(*reader), absl::OkStatus());
  EXPECT_EQ(reader->VerifyAll(), absl::OkStatus());
}

TEST_F(CheckpointReaderTest, ReadsAnyPartOfATensor) {
  const auto reader = CheckpointReader::Open(disk_, dir_).value();
  const std::string all = fixture::TensorBytes(fixture::SmallLayout(), "wte.weight", kName);
  for (int64_t first = 0; first <= 20; ++first) {
    for (int64_t count = 0; first + count <= 20; ++count) {
      std::string part(static_cast<size_t>(count) * 4, '\0');
      ASSERT_TRUE(reader.Read("wte.weight", first, std::as_writable_bytes(std::span(part))).ok());
      EXPECT_EQ(part, all.substr(static_cast<size_t>(first) * 4, part.size()));
    }
  }
  std::string part(8, '\0');
  const auto into = std::as_writable_bytes(std::span(part));
  EXPECT_TRUE(absl::IsOutOfRange(reader.Read("wte.weight", 19, into)));
  EXPECT_TRUE(absl::IsNotFound(reader.Read("none", 0, into)));
  EXPECT_TRUE(absl::IsInvalidArgument(reader.Read("wte.weight", 0, into.first(7))));
}

TEST_F(CheckpointReaderTest, FindsAnyFlippedBitOfAnyFile) {
  const std::vector<std::string> names = disk_.List(dir_).value();
  EXPECT_EQ(names.size(), 4);
  for (const std::string& name : names) {
    const std::string path = JoinPath(dir_, name);
    const uint64_t size = disk_.Stat(path).value().size;
    for (uint64_t byte = 0; byte < size; ++byte) {
      const uint64_t bit = 8 * byte + byte % 8;
      ASSERT_TRUE(disk_.FlipBit(path, bit).ok());
      EXPECT_TRUE(absl::IsDataLoss(Load())) << name << " bit " << bit << ": " << Load();
      ASSERT_TRUE(disk_.FlipBit(path, bit).ok());
    }
  }
  EXPECT_TRUE(Load().ok());
}

TEST_F(CheckpointReaderTest, NamesFileAndBytesOfTheDamage) {
  const CheckpointLayout layout = fixture::SmallLayout();
  ASSERT_TRUE(disk_.FlipBit(dir_ + "/model.safetensors", 8 * (layout.files()[0].size - 1)).ok());
  EXPECT_THAT(std::string(Load().message()),
              AllOf(HasSubstr(dir_ + "/model.safetensors' is damaged in bytes ["), HasSubstr("expected")));
  const auto reader = CheckpointReader::Open(disk_, dir_).value();
  std::string bytes(fixture::TensorBytes(layout, "frozen", kName).size(), '\0');
  EXPECT_TRUE(absl::IsDataLoss(reader.Read("frozen", 0, std::as_writable_bytes(std::span(bytes)))));
  EXPECT_TRUE(reader.Read("h.0.bias", 0, std::as_writable_bytes(std::span(bytes)).first(12)).ok());
}

TEST_F(CheckpointReaderTest, SaysWhatIsMissingOrHasTheWrongSize) {
  const std::string path = dir_ + "/optimizer.safetensors";
  ASSERT_TRUE(disk_.Open(path, OpenMode::kReadWrite).value()->Truncate(100).ok());
  EXPECT_THAT(std::string(Load().message()), HasSubstr("optimizer.safetensors' has 100 bytes, expected"));
  ASSERT_TRUE(disk_.Remove(path).ok());
  EXPECT_TRUE(absl::IsDataLoss(Load()));
  EXPECT_THAT(std::string(Load().message()), HasSubstr("optimizer.safetensors': No such file"));
  EXPECT_TRUE(absl::IsNotFound(CheckpointReader::Open(disk_, "/nowhere").status()));
}

TEST_F(CheckpointReaderTest, ListsNewestFirstAndSkipsDamage) {
  const CheckpointLayout layout = fixture::SmallLayout();
  const CheckpointName later_term{.term = 4, .step = 150};
  ASSERT_TRUE(fixture::WriteAndPublish(disk_, layout, kJob, {.term = 3, .step = 100}).ok());
  ASSERT_TRUE(fixture::WriteAndPublish(disk_, layout, kJob, later_term).ok());
  ASSERT_TRUE(fixture::WritePart(disk_, layout, kJob, {.term = 5, .step = 900}).ok());
  ASSERT_TRUE(disk_.CreateDirectory("/job/other").ok());
  const auto all = ListCheckpoints(disk_, kJob).value();
  ASSERT_EQ(all.size(), 3);
  EXPECT_EQ(all[0].name, later_term);
  EXPECT_EQ(all[1].name, kName);
  EXPECT_EQ(OpenNewestCheckpoint(disk_, kJob).value().step(), 150);
  ASSERT_TRUE(disk_.FlipBit(all[0].path + "/model.safetensors", 8 * (layout.files()[0].size - 1)).ok());
  std::vector<CheckpointEntry> skipped;
  EXPECT_EQ(OpenNewestCheckpoint(disk_, kJob, &skipped).value().step(), 200);
  ASSERT_EQ(skipped.size(), 1);
  EXPECT_TRUE(absl::IsDataLoss(skipped[0].status));
  EXPECT_TRUE(ListCheckpoints(disk_, "/nowhere").value().empty());
  EXPECT_TRUE(absl::IsNotFound(OpenNewestCheckpoint(disk_, "/nowhere").status()));
}

TEST_F(CheckpointReaderTest, HashesDependOnWhatTheyCover) {
  const auto hashes = ComputeHashes(CheckpointReader::Open(disk_, dir_).value()).value();
  SimulatedDisk other;
  ASSERT_TRUE(fixture::WriteAndPublish(other, fixture::SmallLayout(), kJob, kName, /*servers=*/5).ok());
  const auto again = ComputeHashes(CheckpointReader::Open(other, dir_).value()).value();
  EXPECT_EQ(hashes.state, again.state) << "not on who wrote it";
  EXPECT_EQ(hashes.weights, again.weights);
  EXPECT_NE(hashes.weights, hashes.state);
  EXPECT_EQ(hashes.weights.size(), 64);
}

TEST_F(CheckpointReaderTest, InitialWeightsComeFromACheckpointOrAnyDirectory) {
  const auto checked = OpenInitialWeights(disk_, dir_).value();
  EXPECT_EQ(checked.tensors().size(), 5) << "no slots, no step";
  const std::string model = ReadFile(disk_, dir_ + "/model.safetensors", 1 << 20).value();
  ASSERT_TRUE(disk_.CreateDirectory("/plain").ok());
  EXPECT_TRUE(absl::IsNotFound(OpenInitialWeights(disk_, "/plain").status()));
  ASSERT_TRUE(WriteFileAtomically(disk_, "/plain/part-1.safetensors", model).ok());
  const auto plain = OpenInitialWeights(disk_, "/plain").value();
  std::string bytes(12, '\0');
  ASSERT_TRUE(plain.Read("h.0.bias", 0, std::as_writable_bytes(std::span(bytes))).ok());
  EXPECT_EQ(bytes, fixture::TensorBytes(fixture::SmallLayout(), "h.0.bias", kName));
  ASSERT_TRUE(WriteFileAtomically(disk_, "/plain/part-2.safetensors", model).ok());
  EXPECT_THAT(std::string(OpenInitialWeights(disk_, "/plain").status().message()), HasSubstr("is there twice"));
  ASSERT_TRUE(WriteFileAtomically(disk_, "/plain/model.safetensors", model).ok());
  EXPECT_TRUE(OpenInitialWeights(disk_, "/plain").ok()) << "model.safetensors alone counts";
}

TEST_F(CheckpointReaderTest, InitialWeightsOfTransformersHaveAPrefix) {
  // The shortest file of two fp32 tensors: header length, header, bytes.
  const auto write = [&](const std::string& header) {
    std::string file(8, '\0');
    file[0] = static_cast<char>(header.size());
    ASSERT_TRUE(WriteFileAtomically(disk_, "/hf/model.safetensors", file + header + std::string(8, '\0')).ok());
  };
  ASSERT_TRUE(disk_.CreateDirectory("/hf").ok());
  write(R"({"transformer.w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
        R"("lm":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})");
  const auto found = OpenInitialWeights(disk_, "/hf").value();
  EXPECT_TRUE(found.Check("w", {1}).ok());
  EXPECT_TRUE(found.Check("lm", {1}).ok());
  EXPECT_EQ(found.Check("transformer.w", {1}).message(), "has no tensor 'transformer.w'");
  EXPECT_EQ(found.Check("w", {2}).message(), "tensor 'w' is F32 [1], expected F32 [2]");
  write(R"({"transformer.w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
        R"("w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})");
  EXPECT_THAT(std::string(OpenInitialWeights(disk_, "/hf").status().message()), HasSubstr("'w' of"));
}

}  // namespace
}  // namespace banyan
