#include "common/config/print.h"

#include <string>

#include "common/config/defaults.h"
#include "common/config/job_file.h"
#include "gtest/gtest.h"

namespace banyan::config {
namespace {

constexpr char kJob[] = R"({version: 1, name: j, recipe: {
  model: {layers: [{linear: {units: 4}, name: "no"}, relu, {add: {}, inputs: ["no", relu1]}, mean_squared_error]},
  data: {table: {path: "data:x y\"z"}}, batch: {samples: 8, leaf: 2}, until: {epochs: 0.5},
  optimizer: {adam: {learning_rate: 1e-3}}}})";

TEST(PrintYamlTest, WritesOneSpelling) {
  const ReadJobResult read = ReadJob("j", kJob);
  ASSERT_EQ(read.diagnostics.Format(), "");
  EXPECT_EQ(PrintYaml(read.job), R"(version: 1
name: j
recipe:
  model:
    layers:
      - name: "no"
        linear:
          units: 4
      - relu
      - inputs: ["no", relu1]
        add: {}
      - mean_squared_error
  data:
    table:
      path: "data:x y\"z"
  batch:
    samples: 8  # samples
    leaf: 2  # samples
  until:
    epochs: 0.5
  optimizer:
    adam:
      learning_rate: 0.001
)");
}

TEST(PrintYamlTest, ReadsBackToTheSameText) {
  for (const bool full : {false, true}) {
    v1::Job job = ReadJob("j", kJob).job;
    if (full) job = WithDefaults(job);
    const std::string printed = PrintYaml(job);
    const ReadJobResult again = ReadJob("again", printed);
    EXPECT_EQ(again.diagnostics.Format(), "");
    EXPECT_EQ(PrintYaml(again.job), printed);
    EXPECT_EQ(again.job.SerializeAsString(), job.SerializeAsString());
  }
}

TEST(PrintJsonTest, WritesOneLine) {
  EXPECT_EQ(PrintJson(ReadJob("j", kJob).job),
            R"({"version":1,"name":"j","recipe":{"model":{"layers":[{"name":"no","linear":{"units":4}},{"relu":{}},)"
            R"({"inputs":["no","relu1"],"add":{}},{"mean_squared_error":{}}]},"data":{"table":{"path":"data:x y\"z"}},)"
            R"("batch":{"samples":8,"leaf":2},"until":{"epochs":0.5},"optimizer":{"adam":{"learning_rate":0.001}}}})"
            "\n");
}

TEST(PrintJsonTest, ReadsBackAsTheSameJob) {
  const v1::Job job = WithDefaults(ReadJob("j", kJob).job);
  const ReadJobResult again = ReadJob("again", PrintJson(job));
  EXPECT_EQ(again.diagnostics.Format(), "");
  EXPECT_EQ(again.job.SerializeAsString(), job.SerializeAsString());
}

TEST(WithDefaultsTest, WritesEveryDefaultDownOnce) {
  const v1::Job full = WithDefaults(ReadJob("j", kJob).job);
  EXPECT_EQ(full.recipe().optimizer().adam().betas(1), 0.999);
  EXPECT_TRUE(full.recipe().schedule().has_constant());
  EXPECT_EQ(full.run().workers().wait().seconds(), 300);
  EXPECT_EQ(full.run().servers().chunk_bytes(), 1u << 20);
  EXPECT_EQ(full.run().checkpoint().keep(), 3u);
  EXPECT_TRUE(full.recipe().model().layers().layer(0).linear().bias());
  EXPECT_FALSE(full.run().has_evaluate());
  EXPECT_FALSE(full.recipe().optimizer().has_clip_norm());
  EXPECT_EQ(WithDefaults(full).SerializeAsString(), full.SerializeAsString());
}

}  // namespace
}  // namespace banyan::config
