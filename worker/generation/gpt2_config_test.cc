#include "worker/generation/gpt2_config.h"

#include <string>

#include "gtest/gtest.h"

namespace banyan::worker {
namespace {

std::string Config(const std::string& more = "") {
  const std::string sizes = R"("n_layer": 2, "n_head": 4, "n_embd": 8, "n_positions": 16, "vocab_size": 256)";
  return R"({"model_type": "gpt2", )" + sizes + more + "}";
}

std::string Error(const std::string& json) { return std::string(ParseGpt2Config(json).status().message()); }

TEST(Gpt2ConfigTest, ReadsTheSizes) {
  const auto gpt = ParseGpt2Config(Config(R"(, "n_inner": 32, "activation_function": "gelu_new", "bos_token_id": 5)"));
  ASSERT_TRUE(gpt.ok()) << gpt.status();
  EXPECT_EQ(gpt->layers(), 2u);
  EXPECT_EQ(gpt->heads(), 4u);
  EXPECT_EQ(gpt->width(), 8u);
  EXPECT_EQ(gpt->context(), 16u);
  EXPECT_EQ(gpt->vocabulary(), 256u);
  EXPECT_TRUE(ParseGpt2Config(Config(R"(, "n_inner": null)")).ok());
}

TEST(Gpt2ConfigTest, OtherModelsAreRefused) {
  EXPECT_EQ(Error(Config(R"(, "activation_function": "relu")")),
            R"(config.json: activation_function is "relu", expected "gelu_new")");
  EXPECT_EQ(Error(Config(R"(, "n_inner": 31)")), "config.json: n_inner is 31, expected 32");
  EXPECT_EQ(Error(Config(R"(, "tie_word_embeddings": false)")),
            "config.json: tie_word_embeddings is false, expected true");
  EXPECT_EQ(Error(R"({"model_type": "llama"})"), R"(config.json: model_type is "llama", expected "gpt2")");
}

TEST(Gpt2ConfigTest, AnyOtherBytesAreRefused) {
  for (const char* json : {"", "{", "[]", "5", "{}", R"({"model_type": "gpt2"})"}) {
    EXPECT_FALSE(ParseGpt2Config(json).ok()) << json;
  }
  EXPECT_EQ(Error(R"({"model_type": "gpt2", "n_layer": -1})"),
            "config.json: n_layer is -1, expected a number from 1 to 16777216");
}

}  // namespace
}  // namespace banyan::worker
