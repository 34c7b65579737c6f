#include "common/config/job_file.h"

#include <string>

#include "common/config/defaults.h"
#include "gtest/gtest.h"

namespace banyan::config {
namespace {

// A job with `name: value` pairs of one level that tests replace.
struct Parts {
  std::string name = "j";
  std::string model = "{gpt: {layers: 1, heads: 2, width: 8, context: 4}}";
  std::string data = "{text: {path: 'data:a.txt', held_out: 0.1}}";
  std::string batch = "{samples: 8, leaf: 2}";
  std::string until = "{steps: 1_000}";
  std::string optimizer = "{sgd: {learning_rate: 3e-3}}";
  std::string more_recipe = "";
  std::string run = "";
};

std::string Job(const Parts& parts) {
  return "version: 1\nname: " + parts.name + "\nrecipe:\n  model: " + parts.model + "\n  data: " + parts.data +
         "\n  batch: " + parts.batch + "\n  until: " + parts.until + "\n  optimizer: " + parts.optimizer + "\n" +
         parts.more_recipe + "run: " + parts.run + "\n";
}

v1::Job Good(const Parts& parts, const std::vector<std::string>& overrides = {}) {
  const ReadJobResult read = ReadJob("job.yaml", Job(parts), overrides);
  EXPECT_EQ(read.diagnostics.Format(), "");
  return read.job;
}

// "line:column code" of each, joined by spaces.
std::string Codes(const Diagnostics& diagnostics) {
  std::string out;
  for (const Diagnostic& d : diagnostics.Sorted()) {
    out += (out.empty() ? "" : " ") + std::to_string(d.where.line) + ":" + std::to_string(d.where.column) + " " +
           std::string(CodeName(d.code));
  }
  return out;
}
std::string Codes(const Parts& parts, const std::vector<std::string>& overrides = {}) {
  return Codes(ReadJob("job.yaml", Job(parts), overrides).diagnostics);
}

TEST(ReadJobTest, TypesScalarsByTheSchema) {
  const v1::Job job = Good({.name = "no", .more_recipe = "  precision: fp32\n  seed: 18446744073709551615\n",
                            .run = "{workers: {wait: 1h30m}, evaluate: {every: 100 steps, samples: all, at_end: 7}}"});
  EXPECT_EQ(job.name(), "no");
  EXPECT_EQ(job.recipe().until().steps(), 1000u);
  EXPECT_EQ(job.recipe().optimizer().sgd().learning_rate(), 0.003);
  EXPECT_EQ(job.recipe().seed(), 18446744073709551615u);
  EXPECT_EQ(job.run().workers().wait().seconds(), 5400);
  EXPECT_EQ(job.run().evaluate().every().steps(), 100u);
  EXPECT_TRUE(job.run().evaluate().samples().all());
  EXPECT_EQ(job.run().evaluate().at_end().count(), 7u);
  EXPECT_FALSE(job.recipe().model().gpt().has_dropout());
}

TEST(ReadJobTest, ReadsBareNamesAndLists) {
  const v1::Job job = Good({.model = "{layers: [{linear: {units: 4}}, relu, {linear: {units: 1}}, mean_squared_error]}",
                            .data = "{table: {path: 'data:a.csv', held_out: 0.1}}",
                            .more_recipe = "  schedule: cosine\n  consistency: bsp\n  compression: none\n"});
  EXPECT_EQ(job.recipe().model().layers().layer_size(), 4);
  EXPECT_TRUE(job.recipe().model().layers().layer(1).has_relu());
  EXPECT_TRUE(job.recipe().schedule().has_cosine());
}

TEST(ReadJobTest, SaysEverythingAtOnceLikeACompiler) {
  const ReadJobResult read = ReadJob("job.yaml", Job({.batch = "{samples: 8, leaf: 9, leav: 2}",
                                                      .optimizer = "{sgd: {leraning_rate: 3e-3}}"}));
  EXPECT_EQ(read.diagnostics.Format(),
            "job.yaml:6:29: error: a leaf of 9 samples is larger than the batch of 8 [inconsistent]\n"
            "    6 |   batch: {samples: 8, leaf: 9, leav: 2}\n"
            "      |                             ^\n"
            "      = expected at most 8\n"
            "job.yaml:6:32: error: unknown field 'leav' in recipe.batch; did you mean 'leaf'? [unknown-field]\n"
            "    6 |   batch: {samples: 8, leaf: 9, leav: 2}\n"
            "      |                                ^\n"
            "      = expected samples, leaf or micro\n"
            "job.yaml:8:21: error: unknown field 'leraning_rate' in recipe.optimizer.sgd; did you mean "
            "'learning_rate'? [unknown-field]\n"
            "    8 |   optimizer: {sgd: {leraning_rate: 3e-3}}\n"
            "      |                     ^\n"
            "      = expected learning_rate, weight_decay or no_decay\n");
}

TEST(ReadJobTest, ChecksFields) {
  EXPECT_EQ(Codes(Parts{.name = "No"}), "2:7 bad-value");
  EXPECT_EQ(Codes(Parts{.batch = "{samples: 8}"}), "6:3 missing-field");
  EXPECT_EQ(Codes(Parts{.batch = "{samples: 0, leaf: 1.5}"}), "6:20 out-of-range 6:29 bad-value");
  EXPECT_EQ(Codes(Parts{.until = "{}"}), "7:3 exactly-one");
  EXPECT_EQ(Codes(Parts{.until = "{steps: 1, epochs: 1}"}), "7:21 exactly-one");
  EXPECT_EQ(Codes(Parts{.until = "{epochs: 0}"}), "7:19 out-of-range");
  EXPECT_EQ(Codes(Parts{.optimizer = "{adam: {learning_rate: .1, betas: [0.9]}}"}), "8:48 bad-length");
  EXPECT_EQ(Codes(Parts{.optimizer = "{adam: {learning_rate: .1, betas: [0.9, 1]}}"}), "8:54 out-of-range");
  EXPECT_EQ(Codes(Parts{.optimizer = "sgd"}), "8:14 missing-field");
  EXPECT_EQ(Codes(Parts{.optimizer = "adagrad"}), "8:14 bad-value");
  EXPECT_EQ(Codes(Parts{.optimizer = "[1]"}), "8:14 wrong-type");
  EXPECT_EQ(Codes(Parts{.run = "{workers: {wait: 500ms}}"}), "9:23 out-of-range");
  for (const char* path : {"/etc/passwd", "data:../x", "data:/x", "x.txt", "data:", ":x", "data:a/../../b"}) {
    EXPECT_EQ(Codes(Parts{.data = "{text: {path: '" + std::string(path) + "'}}"}), "5:23 bad-path") << path;
  }
}

TEST(ReadJobTest, ChecksFieldsAgainstEachOther) {
  EXPECT_EQ(Codes(Parts{.batch = "{samples: 8, leaf: 4, micro: 5}"}), "6:39 inconsistent");
  EXPECT_EQ(Codes(Parts{.batch = "{samples: 1048577, leaf: 1}"}), "6:35 inconsistent");
  EXPECT_EQ(Codes(Parts{.batch = "{samples: 1048576, leaf: 1}"}), "");
  EXPECT_EQ(Codes(Parts{.model = "{gpt: {layers: 1, heads: 3, width: 8, context: 4}}"}), "4:35 inconsistent");
  EXPECT_EQ(Codes(Parts{.model = "{linear: {outputs: 2}}", .data = "{table: {path: 'data:a'}}"}), "4:29 inconsistent");
  EXPECT_EQ(Codes(Parts{.model = "linear"}), "5:9 inconsistent");
  EXPECT_EQ(Codes(Parts{.data = "{text: {path: 'data:a'}}", .run = "{evaluate: {}}"}), "9:7 inconsistent");
  EXPECT_EQ(Codes(Parts{.run = "{workers: {min: 3, max: 2}}"}), "9:30 inconsistent");
  EXPECT_EQ(Codes(Parts{.run = "{servers: {chunk_bytes: 49152}}"}), "9:30 inconsistent");
  EXPECT_EQ(Codes(Parts{.run = "{servers: {chunk_bytes: 65536}}"}), "");
}

TEST(ReadJobTest, ChecksNamesOfLayers) {
  const std::string data = "{table: {path: 'data:a'}}";
  EXPECT_EQ(Codes(Parts{.model = "{layers: [{relu: {}, name: a}, {relu: {}, name: a}]}", .data = data}),
            "4:58 inconsistent");
  EXPECT_EQ(Codes(Parts{.model = "{layers: [{relu: {}, name: gelu1}, gelu]}", .data = data}), "4:45 inconsistent");
  EXPECT_EQ(Codes(Parts{.model = "{layers: [{relu: {}, inputs: [tanh1]}, tanh]}", .data = data}), "4:40 inconsistent");
}

TEST(ReadJobTest, ReplicasTakeServers) {
  EXPECT_TRUE(Codes(Parts{.run = "{servers: {count: 2, replicas: 2}}"}).ends_with(" inconsistent"));
  EXPECT_TRUE(Codes(Parts{.run = "{servers: {replicas: 1}}"}).ends_with(" inconsistent"));
  EXPECT_EQ(Codes(Parts{.run = "{servers: {count: 2, replicas: 1}}"}), "");
}

TEST(ReadJobTest, RefusesWhatDoesNotRunYet) {
  for (const char* run : {"{group: {pipeline: 2}}", "{group: {tensor: 2}}", "{workers: {device: cuda}}"}) {
    EXPECT_TRUE(Codes(Parts{.run = run}).ends_with(" not-available")) << run;
  }
  EXPECT_EQ(Codes(Parts{.more_recipe = "  precision: bf16\n"}), "9:14 not-available");
  EXPECT_EQ(Codes(Parts{.run = "{workers: {device: cpu}, exchange: parameter_server}"}), "");
}

TEST(ReadJobTest, AppliesOverrides) {
  const v1::Job job = Good({.run = "{workers: {max: 2}}"},
                           {"run.workers.max=8", "recipe.until.epochs=2", "recipe.optimizer={adam: {learning_rate: 1}}",
                            "recipe.optimizer.adam.betas=[0.5, 0.75]", "run.evaluate.every=5 steps"});
  EXPECT_EQ(job.run().workers().max(), 8u);
  EXPECT_TRUE(job.recipe().until().has_epochs());
  EXPECT_EQ(job.recipe().optimizer().adam().betas(1), 0.75);
}

TEST(ReadJobTest, ShowsABadOverrideAsItsOwnSource) {
  EXPECT_EQ(ReadJob("job.yaml", Job({}), {"run.workers.mix=3"}).diagnostics.Format(),
            "--set:1:13: error: unknown field 'mix' in run.workers; did you mean 'min'? [unknown-field]\n"
            "    1 | run.workers.mix=3\n"
            "      |             ^\n"
            "      = expected min, max, device or wait\n");
  EXPECT_EQ(Codes({}, {"run.workers.max=x"}), "1:17 bad-value");
  EXPECT_EQ(Codes({}, {"run.workers.max=0"}), "1:17 out-of-range");
  EXPECT_EQ(Codes({}, {"run.workers.max"}), "1:1 bad-override");
  EXPECT_EQ(Codes({}, {"run.workers.max="}), "1:17 bad-override");
  EXPECT_EQ(Codes({}, {"run.workers.max=[1"}), "1:17 syntax");
  EXPECT_EQ(Codes({}, {"run.workers.max.x=1"}), "1:13 bad-override");
}

TEST(ReadJobTest, SetsAFieldOfALayer) {
  const Parts parts = {.model = "{layers: [{linear: {units: 4}}, mean_squared_error]}",
                       .data = "{table: {path: 'data:a'}}"};
  EXPECT_EQ(Good(parts, {"recipe.model.layers[0].linear.units=8"}).recipe().model().layers().layer(0).linear().units(),
            8u);
  EXPECT_EQ(Codes(parts, {"recipe.model.layers[2].name=x"}), "1:14 bad-override");
}

constexpr char kTextproto[] =
    "version: 1 name: 'l'\nrecipe {\n\tmodel { linear {} }\n"
    "  data { synthetic_regression { features: 1 samples: 9 } }\n"
    "  batch { samples: 8 leaf: %s }\n  until { steps: 1 }\n  optimizer { sgd { learning_rate: 0 } }\n}\n";

std::string Textproto(const std::string& leaf) {
  std::string text = kTextproto;
  return text.replace(text.find("%s"), 2, leaf);
}

TEST(ReadJobTest, ReadsTextproto) {
  const ReadJobResult read = ReadJob("j.textproto", Textproto("2"));
  EXPECT_EQ(read.diagnostics.Format(), "");
  EXPECT_TRUE(read.job.recipe().model().has_linear());
  EXPECT_EQ(Codes(ReadJob("j.textproto", Textproto("0")).diagnostics), "5:22 out-of-range");
  EXPECT_EQ(Codes(ReadJob("j.txtpb", Textproto("2 leav: 3")).diagnostics), "5:34 unknown-field");
  EXPECT_EQ(Codes(ReadJob("j.pbtxt", Textproto("2 leaf: 3")).diagnostics).substr(0, 2), "5:");
}

TEST(ReadJobTest, SurvivesDeepTextproto) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "recipe {";
  EXPECT_FALSE(ReadJob("j.textproto", text).ok());
}

TEST(ValidateJobTest, NamesPathsOfAJobWithoutAFile) {
  v1::Job job = Good({});
  EXPECT_TRUE(ValidateJob(job).empty());
  job.mutable_recipe()->mutable_batch()->set_leaf(9);
  job.mutable_run()->mutable_workers()->mutable_wait()->set_nanos(-1);
  job.mutable_recipe()->set_precision(static_cast<v1::Precision>(77));
  job.mutable_recipe()->mutable_optimizer()->mutable_sgd()->set_learning_rate(1 / 0.0);
  const std::string text = ValidateJob(job).Format();
  for (const char* line : {"recipe.batch.leaf: error: ", "run.workers.wait: error: ", "recipe.precision: error: '77'",
                           "recipe.optimizer.sgd.learning_rate: error: 'inf'"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
  EXPECT_FALSE(ValidateJob(v1::Job()).empty());
}

}  // namespace
}  // namespace banyan::config
