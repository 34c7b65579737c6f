#include "worker/generation/generator.h"

#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/checkpoint/publisher.h"
#include "common/checkpoint/safetensors.h"
#include "common/checkpoint/writer.h"
#include "common/file/file_util.h"
#include "common/file/posix_file_system.h"
#include "common/model/initialize.h"
#include "gtest/gtest.h"
#include "proto/checkpoint.pb.h"
#include "worker/compute/lane_fixture.h"

namespace banyan::worker {
namespace {

constexpr TestGpt kGpt = {.layers = 2, .heads = 2, .width = 8, .context = 6, .vocabulary = 256};

constexpr char kConfig[] = R"({"model_type": "gpt2", "n_layer": 2, "n_head": 2, "n_embd": 8, "n_positions": 6,
                               "vocab_size": 256, "activation_function": "gelu_new"})";

class GeneratorTest : public testing::Test {
 protected:
  void SetUp() override {
    CHECK(RemoveTree(files_, directory_).ok());
    CHECK(CreateDirectories(files_, directory_).ok());
  }

  std::vector<float> Weight(const Parameter& parameter) const {
    std::vector<float> weight(ElementsOf(parameter.shape));
    Initialize(1, parameter, 0, std::span(weight));
    for (float& value : weight) value *= 20;  // so that tokens differ in their likelihood
    return weight;
  }

  // As a tool of the field would: all tensors in one file.
  void WriteExport(const std::string& prefix = "", const std::string& config = kConfig) {
    std::vector<SafetensorsTensor> tensors;
    std::string data;
    for (const Parameter& parameter : graph_.parameters) {
      tensors.push_back({prefix + parameter.name, DType::kF32, parameter.shape});
      const std::vector<float> weight = Weight(parameter);
      data += AsText(std::as_bytes(std::span(weight)));
    }
    Put("model.safetensors", EncodeSafetensorsHeader(tensors, {}).value() + data);
    Put("config.json", config);
  }
  void Put(const std::string& name, const std::string& content) {
    CHECK(WriteFileAtomically(files_, JoinPath(directory_, name), content).ok());
  }

  // A checkpoint of a job in `directory_`.
  void WriteCheckpoint(uint64_t step) {
    std::vector<CheckpointTensor> tensors;
    for (const Parameter& parameter : graph_.parameters) {
      tensors.push_back({parameter.name, DType::kF32, parameter.shape});
    }
    const CheckpointLayout layout = CheckpointLayout::Create(tensors).value();
    const auto writer = CheckpointWriter::Open(files_, layout, directory_, {.term = 1, .step = step}).value();
    for (const Parameter& parameter : graph_.parameters) {
      const std::vector<float> weight = Weight(parameter);
      CHECK(writer->Write(parameter.name, 0, Payload::Borrow(std::as_bytes(std::span(weight)))).ok());
    }
    v1::CheckpointManifest facts;
    facts.set_step(step);
    facts.set_term(1);
    v1::Gpt& gpt = *facts.mutable_recipe()->mutable_model()->mutable_gpt();
    gpt.set_layers(kGpt.layers);
    gpt.set_heads(kGpt.heads);
    gpt.set_width(kGpt.width);
    gpt.set_context(kGpt.context);
    const absl::Status published = PublishCheckpoint(files_, layout, directory_, facts, writer->Finish().value());
    ASSERT_TRUE(published.ok()) << published;
  }

  absl::StatusOr<std::unique_ptr<Generator>> Open() {
    absl::StatusOr<std::unique_ptr<StoredModel>> model = ReadStoredModel(files_, directory_);
    if (!model.ok()) return model.status();
    return Generator::Make(*std::move(model));
  }
  std::unique_ptr<Generator> Opened() {
    auto generator = Open();
    EXPECT_TRUE(generator.ok()) << generator.status();
    return *std::move(generator);
  }
  std::string Error() {
    std::string message(Open().status().message());
    const size_t colon = message.find("': ");
    return colon == std::string::npos ? message : message.substr(colon + 3);
  }

  static std::vector<int32_t> Write(Generator& generator, std::vector<int32_t> prompt, uint64_t count,
                                    const SamplingOptions& options) {
    std::vector<int32_t> tokens;
    const absl::Status status = generator.Generate(prompt, count, options, [&](int32_t token) {
      tokens.push_back(token);
      return true;
    });
    EXPECT_TRUE(status.ok()) << status;
    return tokens;
  }

  PosixFileSystem files_;
  const std::string directory_ =
      testing::TempDir() + "/GeneratorTest." + testing::UnitTest::GetInstance()->current_test_info()->name();
  const Graph graph_ = MakeTestGpt(kGpt);
};

TEST_F(GeneratorTest, ACheckpointAnExportAndTheJobsDirectoryAreOneModel) {
  WriteExport();
  const std::vector<int32_t> prompt = {1, 2, 3};
  const auto from_export = Write(*Opened(), prompt, 12, {.seed = 3});
  ASSERT_TRUE(RemoveTree(files_, directory_).ok());
  ASSERT_TRUE(CreateDirectories(files_, directory_).ok());
  WriteExport("transformer.");
  EXPECT_EQ(Write(*Opened(), prompt, 12, {.seed = 3}), from_export);
  ASSERT_TRUE(RemoveTree(files_, directory_).ok());
  WriteCheckpoint(7);
  EXPECT_EQ(Write(*Opened(), prompt, 12, {.seed = 3}), from_export);
}

TEST_F(GeneratorTest, LogitsAreThoseOfTheGraph) {
  WriteExport();
  const auto generator = Opened();
  EXPECT_EQ(generator->context(), 6);
  EXPECT_EQ(generator->vocabulary(), 256);
  const std::vector<int32_t> tokens = {65, 0, 255};
  const auto logits = generator->Logits(tokens);
  ASSERT_TRUE(logits.ok()) << logits.status();
  ASSERT_EQ(logits->size(), 3u * 256u);
  // What follows a text does not depend on what comes after it.
  const std::vector<float> short_logits(logits->begin(), logits->end());
  const auto longer = generator->Logits(std::vector<int32_t>{65, 0, 255, 9, 9, 9});
  ASSERT_TRUE(longer.ok());
  EXPECT_EQ(std::vector<float>(longer->begin(), longer->begin() + 3 * 256), short_logits);
}

TEST_F(GeneratorTest, GreedyTakesTheLikeliestOfTheLastWindow) {
  WriteExport();
  const auto generator = Opened();
  std::vector<int32_t> text = {10, 20, 30, 40};
  const std::vector<int32_t> written = Write(*generator, text, 8, {.temperature = 0});  // beyond the context of 6
  ASSERT_EQ(written.size(), 8u);
  for (const int32_t token : written) {
    const auto logits = generator->Logits(std::span(text).last(std::min<size_t>(text.size(), 6))).value();
    const auto last = logits.last(256);
    EXPECT_EQ(token, std::max_element(last.begin(), last.end()) - last.begin());
    text.push_back(token);
  }
}

TEST_F(GeneratorTest, ASeedIsAText) {
  WriteExport();
  const auto generator = Opened();
  const auto text = Write(*generator, {}, 20, {.seed = 1});
  EXPECT_EQ(Write(*generator, {}, 20, {.seed = 1}), text);
  EXPECT_NE(Write(*generator, {}, 20, {.seed = 2}), text);
}

TEST_F(GeneratorTest, StopsWhenTheListenerHasEnough) {
  WriteExport();
  int heard = 0;
  ASSERT_TRUE(Opened()->Generate({}, 100, {}, [&](int32_t) { return ++heard < 3; }).ok());
  EXPECT_EQ(heard, 3);
}

TEST_F(GeneratorTest, TokensAndOptionsOutOfRangeAreErrors) {
  WriteExport();
  const auto generator = Opened();
  EXPECT_EQ(generator->Logits(std::vector<int32_t>{256}).status().message(),
            "token 256, expected below the model's vocabulary, 256");
  EXPECT_EQ(generator->Logits(std::vector<int32_t>(7)).status().message(),
            "7 tokens, expected 1 to the model's context, 6");
  EXPECT_FALSE(generator->Logits({}).ok());
  EXPECT_FALSE(generator->Generate({}, 1, {.temperature = -1}, [](int32_t) { return true; }).ok());
}

TEST_F(GeneratorTest, ADirectoryWithoutAModelIsNotFound) {
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kNotFound);
  Put("config.json", kConfig);
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kNotFound);
}

TEST_F(GeneratorTest, WeightsThatAreNotTheDescriptionsAreErrors) {
  std::string config = kConfig;
  config.replace(config.find("\"n_positions\": 6"), 16, "\"n_positions\": 9");
  WriteExport("", config);
  EXPECT_EQ(Error(), "tensor 'wpe.weight' is F32 [6, 8], expected F32 [9, 8]");
  config.replace(config.find("\"n_layer\": 2"), 12, "\"n_layer\": 3");
  config.replace(config.find("\"n_positions\": 9"), 16, "\"n_positions\": 6");
  WriteExport("", config);
  EXPECT_EQ(Error(), "has no tensor 'h.2.ln_1.weight'");
}

TEST_F(GeneratorTest, ADamagedCheckpointIsNotUsed) {
  WriteCheckpoint(7);
  const std::string path = JoinPath(directory_, "step-000000000007-term-1/model.safetensors");
  std::string bytes = ReadFile(files_, path, 1 << 20).value();
  bytes.back() ^= 1;
  CHECK(WriteFileAtomically(files_, path, bytes).ok());
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace banyan::worker
