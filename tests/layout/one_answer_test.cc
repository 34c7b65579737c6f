#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/command.h"
#include "tests/support/local_cluster.h"

// The contract that the product stands on: real processes, and one answer whatever the cluster looks like.
namespace banyan::testing {
namespace {

using Json = nlohmann::json;

constexpr char kJob[] = R"(
version: 1
name: one-answer
recipe:
  seed: 7
  model: {gpt: {layers: 2, heads: 2, width: 32, context: 16, dropout: 0.1}}
  data: {text: {path: "data:text", tokenizer: bytes, held_out: 0.1}}
  batch: {samples: SAMPLES, leaf: LEAF}
  until: {steps: 4}
  optimizer: {adamw: {learning_rate: 1e-2, weight_decay: 0.1, no_decay: [bias, norm]}, clip_norm: 1.0}
  schedule: {cosine: {warmup_steps: 2}}
run:
  servers: {count: 1}
  evaluate: {every: 2 steps, samples: 3, at_end: all}
  checkpoint: {every: 2 steps}
)";

constexpr char kTableJob[] = R"(
version: 1
name: table
recipe:
  model: linear
  data: {table: {path: "data:table"}}
  batch: {samples: 8, leaf: 1}
  until: {steps: 4}
  optimizer: {sgd: {learning_rate: 0.03}}
)";

// Some text that is the same everywhere, short enough for four steps to read all of it.
std::string Text() {
  std::string text;
  uint32_t state = 12345;
  while (text.size() < 900) {
    state = state * 1664525 + 1013904223;
    text += "abcdefgh ijklmnop\nqrst"[state >> 24 & 15];
  }
  return text;
}

struct Layout {
  int workers = 1;
  int servers = 1;
  std::vector<std::string> flags = {};
  int threads = 1;
};

std::string Describe(const Layout& layout) {
  return absl::StrCat(layout.workers, " workers, ", layout.servers, " servers, ", layout.threads, " threads ",
                      absl::StrJoin(layout.flags, " "));
}

class OneAnswerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = MakeFolder(::testing::UnitTest::GetInstance()->current_test_info()->name());
    WriteFile(folder_ + "/text", Text());
    WriteJob(13, 1);
  }

  void WriteJob(int samples, int leaf) {
    WriteFile(folder_ + "/job.yaml",
              absl::StrReplaceAll(kJob, {{"SAMPLES", absl::StrCat(samples)}, {"LEAF", absl::StrCat(leaf)}}));
  }

  // The result of a run that must end well.
  Json Run(const Layout& layout) {
    std::vector<std::string> argv = {BanyanProgram(),
                                     "run",
                                     folder_ + "/job.yaml",
                                     "--workers",
                                     absl::StrCat(layout.workers),
                                     "--servers",
                                     absl::StrCat(layout.servers),
                                     "--threads",
                                     absl::StrCat(layout.threads),
                                     "--state-dir",
                                     absl::StrCat(folder_, "/state-", runs_++),
                                     "-o",
                                     "json"};
    argv.insert(argv.end(), layout.flags.begin(), layout.flags.end());
    const CommandResult result = RunCommand(argv);
    EXPECT_EQ(result.exit_code, 0) << Describe(layout) << "\n" << result.err;
    if (result.exit_code != 0) return Json::object();
    return Json::parse(result.LastLine());
  }

  void ExpectOneAnswer(const std::vector<Layout>& layouts) {
    const std::string reference = Answer(Run({}));
    EXPECT_NE(reference, "no result");
    for (const Layout& layout : layouts) EXPECT_EQ(Answer(Run(layout)), reference) << Describe(layout);
  }

  std::string folder_;
  int runs_ = 0;
};

TEST_F(OneAnswerTest, WhateverTheNumberOfWorkersAndServers) {
  ExpectOneAnswer({{2, 2}, {3, 2}, {4, 3}, {5, 1}});
}

TEST_F(OneAnswerTest, WhateverTheLeafPlan) {
  ExpectOneAnswer({{3, 1, {"--leaf-plan", "5,2,6"}},
                   {3, 2, {"--leaf-plan", "0,13,0"}},
                   {4, 1, {"--leaf-plan", "1,1,1,10"}}});
}

TEST_F(OneAnswerTest, WhateverTheChunkSize) {
  ExpectOneAnswer({{2, 2, {"--chunk-bytes", "16384"}},
                   {2, 2, {"--chunk-bytes", "65536"}},
                   {2, 2, {"--chunk-bytes", "4194304"}}});
}

TEST_F(OneAnswerTest, WhateverTheThreads) {
  ExpectOneAnswer({{1, 1, {}, 2}, {2, 1, {}, 4}});
}

TEST_F(OneAnswerTest, ForEveryNumberOfLeaves) {
  for (const auto& [samples, leaf] : {std::pair(5, 5), std::pair(9, 3), std::pair(8, 1)}) {
    WriteJob(samples, leaf);
    ExpectOneAnswer({{2, 2}, {3, 1}});
  }
}

TEST_F(OneAnswerTest, StoppedAndResumedOnAnotherCluster) {
  const std::vector<std::string> longer = {"--set", "recipe.until.steps=60", "--set", "run.checkpoint.every=100 steps"};
  const std::string reference = Answer(Run({1, 1, longer}));
  LocalCluster cluster(folder_);
  cluster.Up(/*workers=*/1, /*servers=*/1, /*threads=*/1);
  const std::string job = cluster.Submit(folder_ + "/job.yaml", longer);
  // Each time it goes on with other workers, servers, threads, and sizes of chunks.
  struct Next {
    uint64_t stop_at;
    Layout layout;
  };
  for (const Next& next : {Next{9, {3, 2, {"--chunk-bytes", "16384"}, 2}}, Next{25, {2, 1, {"--chunk-bytes", "65536"}, 4}}}) {
    ASSERT_TRUE(cluster.AwaitStep(job, next.stop_at));
    ASSERT_EQ(cluster.Banyan({"stop", job}).exit_code, 0);
    cluster.Down();
    cluster.Up(next.layout.workers, next.layout.servers, next.layout.threads);
    std::vector<std::string> resume = {"resume",    job,         "--detach",
                                       "--workers", absl::StrCat(next.layout.workers),
                                       "--servers", absl::StrCat(next.layout.servers)};
    resume.insert(resume.end(), next.layout.flags.begin(), next.layout.flags.end());
    const CommandResult resumed = cluster.Banyan(resume);
    ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  }
  const Json result = cluster.Result(job);
  EXPECT_EQ(Answer(result), reference);
  EXPECT_EQ(result["layout"]["servers"], 1);
  EXPECT_EQ(result["counters"]["rollbacks"], 0);
  EXPECT_EQ(cluster.Lines(job).size(), 60);
}

// A batch of all samples, a sample a leaf: two lines of the file change places, and nothing but the leaves that hold
// them does. Beside each other in the tree they are a + b and b + a; elsewhere the sums round otherwise.
TEST_F(OneAnswerTest, SwappedLeavesGiveAnother) {
  std::vector<std::string> lines;
  uint32_t state = 1;
  for (int line = 0; line < 8; ++line) {
    std::string& text = lines.emplace_back();
    for (int column = 0; column < 20; ++column) {
      state = state * 1664525 + 1013904223;
      absl::StrAppend(&text, column == 0 ? "" : ",", static_cast<double>(state >> 8) / (1 << 23) - 1);
    }
  }
  const auto weights_with = [&](size_t one, size_t other) {
    std::vector<std::string> swapped = lines;
    std::swap(swapped[one], swapped[other]);
    WriteFile(folder_ + "/table", absl::StrJoin(swapped, "\n") + "\n");
    return Run({2, 1, {}})["weights_hash"].get<std::string>();
  };
  WriteFile(folder_ + "/job.yaml", kTableJob);
  std::set<std::string> hashes;
  for (size_t other = 0; other < lines.size(); ++other) hashes.insert(weights_with(0, other));
  // As it is and with its sibling; with each of the six others.
  EXPECT_EQ(hashes.size(), 7);
}

TEST_F(OneAnswerTest, AnotherRecipeOrOtherDataGiveAnother) {
  const std::string reference = Answer(Run({}));
  EXPECT_NE(Answer(Run({1, 1, {"--set", "recipe.seed=8"}})), reference);
  EXPECT_NE(Answer(Run({1, 1, {"--set", "recipe.batch.leaf=2"}})), reference);
  std::string text = Text();
  text[100] = text[100] == 'a' ? 'b' : 'a';
  WriteFile(folder_ + "/text", text);
  EXPECT_NE(Answer(Run({})), reference);
}

}  // namespace
}  // namespace banyan::testing
