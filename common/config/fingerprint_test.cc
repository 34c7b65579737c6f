#include "common/config/fingerprint.h"

#include "common/config/job_file.h"
#include "gtest/gtest.h"

namespace banyan::config {
namespace {

v1::Job Job(const std::vector<std::string>& overrides = {}) {
  const ReadJobResult read = ReadJob("job.yaml", R"({version: 1, name: j, recipe: {seed: 1,
    model: {gpt: {layers: 4, heads: 4, width: 128, context: 64}},
    data: {text: {path: "data:kjv.txt", held_out: 0.05}}, batch: {samples: 16, leaf: 4}, until: {steps: 2400},
    optimizer: {adamw: {learning_rate: 4e-3, betas: [0.9, 0.95], no_decay: [bias, norm]}}, schedule: cosine}})",
                                     overrides);
  EXPECT_EQ(read.diagnostics.Format(), "");
  return read.job;
}

std::string Fingerprint(const std::vector<std::string>& overrides, const ContentHashes& contents) {
  return RecipeFingerprint(Job(overrides).recipe(), contents).value();
}
std::string Fingerprint(const std::vector<std::string>& overrides) {
  return Fingerprint(overrides, {{"data:kjv.txt", "sha256:ab"}});
}

TEST(FingerprintTest, HasTheseLines) {
  const std::vector<std::string> lines = {
      "batch.leaf=4",
      "batch.samples=16",
      "data.text.held_out=0.05",
      "data.text.path=sha256:ab",
      "data=text",
      "model.gpt.context=64",
      "model.gpt.heads=4",
      "model.gpt.layers=4",
      "model.gpt.width=128",
      "model=gpt",
      "optimizer.adamw.betas=[0.9,0.95]",
      "optimizer.adamw.learning_rate=0.004",
      "optimizer.adamw.no_decay=[\"bias\",\"norm\"]",
      "optimizer=adamw",
      "schedule=cosine",
      "seed=1",
      "until.steps=2400",
  };
  EXPECT_EQ(FingerprintLines(Job().recipe(), {{"data:kjv.txt", "sha256:ab"}}).value(), lines);
}

// printf '%s\n' (the lines above) | sha256sum
TEST(FingerprintTest, IsTheSha256OfTheLines) {
  EXPECT_EQ(Fingerprint({}), "a7d381fb60080f8929642f35967617533cda836e950d3c2d048ffb44eae9abaa");
}

TEST(FingerprintTest, DoesNotCountDefaultsNameOrRun) {
  EXPECT_EQ(Fingerprint({"recipe.precision=fp32", "recipe.model.gpt.dropout=0", "recipe.consistency=bsp",
                         "recipe.optimizer.adamw.weight_decay=0.01", "recipe.schedule={cosine: {final: 0}}"}),
            Fingerprint({}));
  EXPECT_EQ(Fingerprint({"name=other", "run.workers.max=8", "run.servers.chunk_bytes=65536"}), Fingerprint({}));
}

TEST(FingerprintTest, CountsDataByContent) {
  EXPECT_EQ(Fingerprint({"recipe.data.text.path=data:b"}, {{"data:b", "sha256:ab"}}), Fingerprint({}));
  EXPECT_NE(Fingerprint({}, {{"data:kjv.txt", "sha256:cd"}}), Fingerprint({}));
  EXPECT_EQ(FingerprintLines(Job().recipe(), {}).status().code(), absl::StatusCode::kNotFound);
}

TEST(FingerprintTest, ChangesWithTheRecipe) {
  for (const char* change :
       {"recipe.seed=2", "recipe.batch.leaf=8", "recipe.batch.micro=2", "recipe.schedule=linear",
        "recipe.schedule=constant", "recipe.until={epochs: 2400}", "recipe.optimizer.adamw.no_decay=[\"bias,norm\"]",
        "recipe.optimizer.clip_norm=1", "recipe.optimizer.adamw.betas=[0.95, 0.9]"}) {
    EXPECT_NE(Fingerprint({change}), Fingerprint({})) << change;
  }
}

TEST(FingerprintTest, NamesLayersByPosition) {
  const ReadJobResult read = ReadJob("job.yaml", R"({version: 1, name: j, recipe: {
    model: {layers: [{linear: {units: 8}}, relu]}, data: {synthetic_regression: {features: 2, samples: 9}},
    batch: {samples: 1, leaf: 1}, until: {samples: 5}, optimizer: {sgd: {learning_rate: 0}}}})");
  ASSERT_EQ(read.diagnostics.Format(), "");
  const std::vector<std::string> lines = {
      "batch.leaf=1",
      "batch.samples=1",
      "data.synthetic_regression.features=2",
      "data.synthetic_regression.samples=9",
      "data=synthetic_regression",
      "model.layers[0].linear.units=8",
      "model.layers[0]=linear",
      "model.layers[1]=relu",
      "model=layers",
      "optimizer.sgd.learning_rate=0",
      "optimizer=sgd",
      "until.samples=5",
  };
  EXPECT_EQ(FingerprintLines(read.job.recipe(), {}).value(), lines);
}

}  // namespace
}  // namespace banyan::config
