#include "cli/generate/generate.h"

#include <sys/stat.h>

#include <string>
#include <vector>

#include "cli/follow/fake_environment.h"
#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/checkpoint/safetensors.h"
#include "common/file/file_util.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace banyan::cli {
namespace {

// A model of one layer, width 2 and context 4 whose weights are all 0 but for the norm's bias and the row of `token` in
// the token table: so it always writes `token` where the likeliest is taken.
void WriteModel(FileSystem& files, const std::string& directory, char token, int vocabulary = 256) {
  const std::vector<SafetensorsTensor> tensors = {
      {"wte.weight", DType::kF32, {vocabulary, 2}},   {"wpe.weight", DType::kF32, {4, 2}},
      {"h.0.ln_1.weight", DType::kF32, {2}},          {"h.0.ln_1.bias", DType::kF32, {2}},
      {"h.0.attn.c_attn.weight", DType::kF32, {2, 6}}, {"h.0.attn.c_attn.bias", DType::kF32, {6}},
      {"h.0.attn.c_proj.weight", DType::kF32, {2, 2}}, {"h.0.attn.c_proj.bias", DType::kF32, {2}},
      {"h.0.ln_2.weight", DType::kF32, {2}},          {"h.0.ln_2.bias", DType::kF32, {2}},
      {"h.0.mlp.c_fc.weight", DType::kF32, {2, 8}},   {"h.0.mlp.c_fc.bias", DType::kF32, {8}},
      {"h.0.mlp.c_proj.weight", DType::kF32, {8, 2}}, {"h.0.mlp.c_proj.bias", DType::kF32, {2}},
      {"ln_f.weight", DType::kF32, {2}},              {"ln_f.bias", DType::kF32, {2}}};
  std::string data;
  for (const SafetensorsTensor& tensor : tensors) {
    int64_t elements = 1;
    for (const int64_t extent : tensor.shape) elements *= extent;
    std::vector<float> values(static_cast<size_t>(elements));
    if (tensor.name == "wte.weight") values[2 * static_cast<size_t>(token)] = 1;
    if (tensor.name == "ln_f.bias") values[0] = 5;
    data += AsText(std::as_bytes(std::span(values)));
  }
  CHECK(CreateDirectories(files, directory).ok());
  CHECK(WriteFileAtomically(files, JoinPath(directory, "model.safetensors"),
                            EncodeSafetensorsHeader(tensors, {}).value() + data).ok());
  const nlohmann::json config = {{"model_type", "gpt2"}, {"n_layer", 1},     {"n_head", 1},
                                 {"n_embd", 2},          {"n_positions", 4}, {"vocab_size", vocabulary}};
  CHECK(WriteFileAtomically(files, JoinPath(directory, "config.json"), config.dump()).ok());
}

class GenerateTest : public testing::Test {
 protected:
  void SetUp() override { CHECK(RemoveTree(world_.files, world_.folder).ok()); }

  ExitCode Run(const std::vector<std::string>& arguments) { return GenerateCommand(world_.environment, arguments); }

  FakeEnvironment world_;
  const std::string model_ = world_.folder + "/model";
};

TEST_F(GenerateTest, WritesOnFromThePromptWithoutACluster) {
  WriteModel(world_.files, model_, 'x');
  EXPECT_EQ(Run({model_, "--prompt", "In the", "--tokens", "10", "--temperature", "0"}), ExitCode::kDone)
      << world_.err.str();
  EXPECT_EQ(world_.out.str(), "In thexxxxxxxxxx\n");
  EXPECT_EQ(world_.connected_to, "");
}

TEST_F(GenerateTest, WritesJson) {
  WriteModel(world_.files, model_, 'x');
  EXPECT_EQ(Run({model_, "--tokens", "3", "--top-k", "1", "-o", "json"}), ExitCode::kDone) << world_.err.str();
  EXPECT_EQ(world_.out.str(), "{\"text\":\"xxx\",\"tokens\":[120,120,120]}\n");
}

TEST_F(GenerateTest, TheSeedDecidesTheText) {
  WriteModel(world_.files, model_, 'x');
  const auto text = [&](const std::string& seed) {
    world_.out.str("");
    EXPECT_EQ(Run({model_, "--tokens", "30", "--temperature", "3", "--seed", seed, "-o", "json"}), ExitCode::kDone);
    return world_.out.str();
  };
  const std::string first = text("1");
  EXPECT_NE(text("2"), first);
  EXPECT_EQ(text("1"), first);
}

TEST_F(GenerateTest, AJobsCheckpointIsAskedOfTheCluster) {
  WriteModel(world_.files, model_, 'y');
  world_.cluster.description.mutable_summary()->set_name("gpt");
  world_.cluster.description.set_checkpoint_directory(model_);
  const std::string token = world_.folder + "/token";
  CHECK(WriteFileAtomically(world_.files, token, std::string(64, 'a')).ok());
  CHECK_EQ(chmod(token.c_str(), 0600), 0);
  EXPECT_EQ(Run({"gpt", "--coordinator", "127.0.0.1:1", "--token-file", token, "--tokens", "2", "--temperature", "0"}),
            ExitCode::kDone)
      << world_.err.str();
  EXPECT_EQ(world_.out.str(), "yy\n");
}

TEST_F(GenerateTest, ErrorsHaveTheirExitCodes) {
  WriteModel(world_.files, model_, 'x');
  EXPECT_EQ(Run({}), ExitCode::kBadFlags);
  EXPECT_EQ(Run({model_, "--temperature", "hot"}), ExitCode::kBadFlags);
  EXPECT_EQ(Run({model_, "--temperature", "-1"}), ExitCode::kBadFlags);
  EXPECT_EQ(Run({model_, "--top-p", "2"}), ExitCode::kBadFlags);
  EXPECT_EQ(Run({world_.folder + "/none"}), ExitCode::kNotFound);
  EXPECT_EQ(Run({world_.folder}), ExitCode::kNotFound);
  CHECK(WriteFileAtomically(world_.files, model_ + "/model.safetensors", "damaged").ok());
  EXPECT_EQ(Run({model_}), ExitCode::kBadCheckpoint);
  EXPECT_EQ(world_.out.str(), "");
}

TEST_F(GenerateTest, AModelOfOtherTokensIsRefused) {
  WriteModel(world_.files, model_, 'x', 300);
  EXPECT_EQ(Run({model_}), ExitCode::kBadCheckpoint);
  EXPECT_THAT(world_.err.str(), testing::HasSubstr("has 300 tokens, expected 256: those of bytes"));
}

}  // namespace
}  // namespace banyan::cli
