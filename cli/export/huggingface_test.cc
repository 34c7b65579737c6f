#include "cli/export/huggingface.h"

#include "common/checkpoint/checkpoint_fixture.h"
#include "common/checkpoint/publisher.h"
#include "common/file/file_util.h"
#include "common/file/simulated_disk.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace banyan::cli {
namespace {

class HuggingfaceTest : public testing::Test {
 protected:
  HuggingfaceTest() { EXPECT_TRUE(CreateDirectories(files_, fixture::kJob).ok()); }

  CheckpointReader Make(const v1::CheckpointManifest& facts) {
    const CheckpointLayout layout = fixture::SmallLayout();
    auto parts = fixture::WritePart(files_, layout, fixture::kJob, name_).value();
    EXPECT_TRUE(PublishCheckpoint(files_, layout, fixture::kJob, facts, parts).ok());
    return CheckpointReader::Open(files_, JoinPath(fixture::kJob, name_.Directory())).value();
  }

  SimulatedDisk files_;
  const CheckpointName name_{.term = 1, .step = 3};
};

TEST_F(HuggingfaceTest, WritesWeightsAndStatisticsWithoutSlots) {
  const CheckpointReader checkpoint = Make(fixture::Facts(name_));
  ASSERT_TRUE(ExportWeights(files_, checkpoint, "/out/model").ok());
  std::vector<std::unique_ptr<File>> opened;
  opened.push_back(files_.Open("/out/model/model.safetensors", OpenMode::kRead).value());
  EXPECT_EQ(ReadSafetensorsHeader(*opened.front())->metadata.at("format"), "pt");
  const TensorFiles exported = TensorFiles::Open(std::move(opened)).value();
  EXPECT_EQ(exported.tensors().size(), checkpoint.tensors().size());
  for (const CheckpointTensor& tensor : checkpoint.tensors()) {
    std::string bytes(exported.tensors().find(tensor.name)->second.size, '\0');
    ASSERT_TRUE(exported.Read(tensor.name, 0, std::as_writable_bytes(std::span(bytes))).ok());
    EXPECT_EQ(bytes, fixture::TensorBytes(fixture::SmallLayout(), tensor.name, name_)) << tensor.name;
  }
  EXPECT_FALSE(Exists(files_, "/out/model/config.json").value());
}

TEST_F(HuggingfaceTest, DescribesAGpt) {
  v1::CheckpointManifest facts = fixture::Facts(name_);
  v1::Gpt& gpt = *facts.mutable_recipe()->mutable_model()->mutable_gpt();
  gpt.set_layers(2);
  gpt.set_heads(1);
  gpt.set_width(4);
  gpt.set_context(8);
  const CheckpointReader checkpoint = Make(facts);
  ASSERT_TRUE(ExportWeights(files_, checkpoint, "/out").ok());
  const auto config = nlohmann::json::parse(ReadFile(files_, "/out/config.json", 1 << 20).value());
  EXPECT_EQ(config["vocab_size"], 5);
  EXPECT_EQ(config["n_positions"], 8);
  EXPECT_EQ(config["n_layer"], 2);
  EXPECT_EQ(config["model_type"], "gpt2");
}

TEST_F(HuggingfaceTest, OverwritesNothing) {
  const CheckpointReader checkpoint = Make(fixture::Facts(name_));
  ASSERT_TRUE(ExportWeights(files_, checkpoint, "/out").ok());
  EXPECT_EQ(ExportWeights(files_, checkpoint, "/out").code(), absl::StatusCode::kAlreadyExists);
}

}  // namespace
}  // namespace banyan::cli
