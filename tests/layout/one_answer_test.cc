#include <csignal>
#include <memory>
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
  servers: {count: 1, chunk_bytes: 16384}
  evaluate: {every: 2 steps, samples: 3, at_end: all}
  checkpoint: {every: 2 steps}
)";

constexpr char kTableJob[] = R"(
version: 1
name: table
recipe:
  model: linear
  data: {table: {path: "data:TABLE"}}
  batch: {samples: 8, leaf: 1}
  until: {steps: 1}
  optimizer: {momentum: {learning_rate: 0.03}}
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

// Most layouts are parts of one cluster that stays.
class OneAnswerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster_ = std::make_unique<LocalCluster>(MakeFolder("one-answer"));
    WriteFile(cluster_->folder() + "/text", Text());
    cluster_->Up(/*workers=*/5, /*servers=*/3);
  }
  static void TearDownTestSuite() { cluster_.reset(); }

  void SetUp() override { WriteJob(13, 1); }

  void WriteJob(int samples, int leaf) {
    WriteFile(job_file_,
              absl::StrReplaceAll(kJob, {{"SAMPLES", absl::StrCat(samples)}, {"LEAF", absl::StrCat(leaf)}}));
  }

  // The result of `command` with the layout's flags. It must end well, and have been laid out so.
  static Json Result(std::vector<std::string> command, const Layout& layout) {
    command.insert(command.end(), {"--workers", absl::StrCat(layout.workers), "--servers", absl::StrCat(layout.servers),
                                   "-o", "json"});
    command.insert(command.end(), layout.flags.begin(), layout.flags.end());
    const CommandResult result = cluster_->Banyan(command);
    EXPECT_EQ(result.exit_code, 0) << Describe(layout) << "\n" << result.err;
    if (result.exit_code != 0) return Json::object();
    Json json = Json::parse(result.LastLine());
    // Leaves are with all at first, and may come to be with the faster ones.
    std::set<std::string> workers;
    for (const Json& event : json["events"]) {
      if (event["type"] == "WORKER_JOINED") workers.insert(event["who"]);
    }
    EXPECT_EQ(workers.size(), static_cast<size_t>(layout.workers)) << Describe(layout);
    EXPECT_EQ(json["layout"]["servers"], layout.servers) << Describe(layout);
    return json;
  }

  // On a part of the cluster. A worker needs a moment from one job to the next: the job waits for all of its own.
  Json Submit(const Layout& layout) {
    return Result({"submit", job_file_, "--set", absl::StrCat("run.workers.min=", layout.workers)}, layout);
  }

  // On a cluster of its own.
  Json Run(const Layout& layout) {
    return Result({"run", job_file_, "--threads", absl::StrCat(layout.threads), "--state-dir",
                   absl::StrCat(cluster_->folder(), "/run-", runs_++)},
                  layout);
  }

  void ExpectOneAnswer(const std::vector<Layout>& layouts, const Layout& first = {}) {
    const std::string reference = Answer(Submit(first));
    EXPECT_NE(reference, "no result");
    for (const Layout& layout : layouts) EXPECT_EQ(Answer(Submit(layout)), reference) << Describe(layout);
  }

  static inline std::unique_ptr<LocalCluster> cluster_;
  static inline int runs_ = 0;
  const std::string job_file_ = cluster_->folder() + "/job.yaml";
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
  // The greatest tensors, of 6.5 MB, are cut by each of these.
  const auto wide = [](const char* chunk_bytes) {
    return std::vector<std::string>{"--set", "recipe.model.gpt.layers=1", "--set", "recipe.model.gpt.width=640",
                                    "--chunk-bytes", chunk_bytes};
  };
  ExpectOneAnswer({{2, 2, wide("65536")}, {2, 3, wide("1048576")}, {2, 2, wide("4194304")}}, {1, 1, wide("16384")});
}

TEST_F(OneAnswerTest, WhateverTheThreadsAndOnAClusterOfItsOwn) {
  const std::string reference = Answer(Submit({}));
  for (const Layout& layout : {Layout{1, 1, {}, 1}, Layout{1, 2, {}, 2}, Layout{2, 1, {}, 4}}) {
    EXPECT_EQ(Answer(Run(layout)), reference) << Describe(layout);
  }
}

TEST_F(OneAnswerTest, ForEveryNumberOfLeaves) {
  for (const auto& [samples, leaf] : {std::pair(5, 5), std::pair(9, 3), std::pair(8, 1)}) {
    WriteJob(samples, leaf);
    ExpectOneAnswer({{2, 2}, {3, 1}});
  }
}

TEST_F(OneAnswerTest, StoppedAndResumedOnAnotherCluster) {
  // Long enough that a stop comes before the end.
  const std::vector<std::string> longer = {"--set", "recipe.until.steps=400", "--set", "run.checkpoint.every=1000 steps"};
  const std::string reference = Answer(Submit({1, 1, longer}));
  LocalCluster cluster(MakeFolder("one-answer-elsewhere"));
  WriteFile(cluster.folder() + "/text", Text());
  cluster.Up(/*workers=*/1, /*servers=*/1, /*threads=*/1);
  const std::string job = cluster.Submit(job_file_, longer);
  // Each time it goes on with other workers, servers, threads, and sizes of chunks.
  const std::vector<std::pair<uint64_t, Layout>> next = {{9, {3, 2, {"--chunk-bytes", "16384"}, 2}},
                                                         {25, {2, 1, {"--chunk-bytes", "65536"}, 4}}};
  int servers = 1;
  for (const auto& [stop_at, layout] : next) {
    ASSERT_TRUE(cluster.AwaitStep(job, stop_at));
    // The job stands still until it is told to stop: it might be over first.
    for (int server = 0; server < servers; ++server) cluster.Kill(absl::StrCat("server-", server), SIGSTOP);
    ASSERT_EQ(cluster.Banyan({"stop", job, "--detach"}).exit_code, 0);
    for (int server = 0; server < servers; ++server) cluster.Kill(absl::StrCat("server-", server), SIGCONT);
    ASSERT_EQ(cluster.Banyan({"wait", job, "--for", "state=STOPPED", "--timeout", "120s"}).exit_code, 0);
    servers = layout.servers;
    cluster.Down();
    cluster.Up(layout.workers, layout.servers, layout.threads);
    std::vector<std::string> resume = {"resume",    job,         "--detach",
                                       "--workers", absl::StrCat(layout.workers),
                                       "--servers", absl::StrCat(layout.servers)};
    resume.insert(resume.end(), layout.flags.begin(), layout.flags.end());
    const CommandResult resumed = cluster.Banyan(resume);
    ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  }
  const Json result = cluster.Result(job);
  EXPECT_EQ(Answer(result), reference);
  EXPECT_EQ(result["layout"]["servers"], 1);
  EXPECT_EQ(result["counters"]["rollbacks"], 0);
  // What is ready is pushed while other leaves are computed.
  EXPECT_GT(result["counters"]["bytes_pushed_in_backward"], 0);
  EXPECT_LE(result["counters"]["bytes_pushed_in_backward"], result["counters"]["bytes_pushed"]);
  EXPECT_EQ(cluster.Lines(job).size(), 400);
}

// One step of all samples, a sample a leaf: two lines of the file change places, and nothing but the leaves that hold
// them does; momentum keeps the sum as it is. Beside each other in the tree they are a + b and b + a; elsewhere the sums
// round otherwise.
TEST_F(OneAnswerTest, SwappedLeavesGiveAnother) {
  std::vector<std::string> lines;
  uint32_t state = 1;
  for (int line = 0; line < 8; ++line) {
    std::string& text = lines.emplace_back();
    for (int column = 0; column < 60; ++column) {
      state = state * 1664525 + 1013904223;
      absl::StrAppend(&text, column == 0 ? "" : ",", static_cast<double>(state >> 8) / (1 << 23) - 1);
    }
  }
  std::set<std::string> hashes;
  for (size_t other = 0; other < lines.size(); ++other) {
    std::vector<std::string> swapped = lines;
    std::swap(swapped[0], swapped[other]);
    WriteFile(cluster_->folder() + absl::StrCat("/table", other), absl::StrJoin(swapped, "\n") + "\n");
    WriteFile(job_file_, absl::StrReplaceAll(kTableJob, {{"TABLE", absl::StrCat("table", other)}}));
    hashes.insert(Submit({2, 1})["state_hash"].get<std::string>());
  }
  // As it is and with its sibling; with each of the six others.
  EXPECT_EQ(hashes.size(), 7);
}

TEST_F(OneAnswerTest, AnotherRecipeOrOtherDataGiveAnother) {
  // The state alone: that losses differ is not enough.
  const auto hash_with = [this](const std::string& field) {
    return Submit({1, 1, {"--set", field}}).value("state_hash", "no result");
  };
  const std::string reference = hash_with("recipe.seed=7");
  EXPECT_NE(hash_with("recipe.seed=8"), reference);
  EXPECT_NE(hash_with("recipe.batch.leaf=2"), reference);
  std::string text = Text();
  WriteFile(cluster_->folder() + "/same", text);
  EXPECT_EQ(hash_with("recipe.data.text.path=data:same"), reference);
  text[100] = text[100] == 'a' ? 'b' : 'a';
  WriteFile(cluster_->folder() + "/other", text);
  EXPECT_NE(hash_with("recipe.data.text.path=data:other"), reference);
}

}  // namespace
}  // namespace banyan::testing
