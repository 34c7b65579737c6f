#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/command.h"

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

  static std::string Answer(const Json& result) {
    if (!result.contains("state_hash")) return "no result";
    return absl::StrCat(result["state_hash"].get<std::string>(), " ", result["train"]["loss_sum"].get<std::string>(),
                        " ", result["held_out"]["loss_sum"].get<std::string>());
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
