// Real processes: a job is paused, resumed and forked; what comes out is what one undisturbed run, or runs put together
// by hand, come to.

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/file/file_util.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/jobs.h"
#include "tests/support/local_cluster.h"

namespace banyan::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

constexpr char kGpt[] = R"(
version: 1
name: gpt
recipe:
  seed: 7
  model: {gpt: {layers: 1, heads: 2, width: 32, context: 16, dropout: 0.1}}
  data: {text: {path: "data:text", tokenizer: bytes, held_out: 0.1}}
  batch: {samples: 8, leaf: 1}
  until: {steps: 60}
  optimizer: {adamw: {learning_rate: 1e-2}, clip_norm: 1.0}
run:
  servers: {count: 2, chunk_bytes: 16384}
  evaluate: {every: 10 steps, samples: 3, at_end: all}
  checkpoint: {every: 15 steps, keep: 100}
)";

// One sample, so that a job that begins with another's weights sees what that one would have seen next.
constexpr char kOne[] = R"(
version: 1
name: one
recipe:
  model: {linear: {outputs: 3}}
  data: {synthetic_regression: {features: 40, targets: 3, samples: 1}}
  batch: {samples: 1, leaf: 1}
  until: {steps: 30}
  optimizer: {sgd: {learning_rate: 0.001}}
run:
  checkpoint: {every: 10 steps}
)";

class ForkTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const std::string folder = MakeFolder("fork");
    WriteFile(folder + "/text", SomeText());
    WriteFile(folder + "/gpt.yaml", kGpt);
    WriteFile(folder + "/one.yaml", kOne);
    cluster_ = std::make_unique<LocalCluster>(folder);
    cluster_->Up(/*workers=*/2, /*servers=*/2);
    parent_ = Submit("gpt");
    parent_result_ = cluster_->Result(parent_);
  }
  static void TearDownTestSuite() { cluster_.reset(); }

  static std::string Submit(const std::string& name, const std::vector<std::string>& flags = {}) {
    return cluster_->Submit(absl::StrCat(cluster_->folder(), "/", name, ".yaml"), flags);
  }
  // Its id.
  static std::string Fork(const std::string& job, int step, std::vector<std::string> flags = {}) {
    flags.insert(flags.begin(), {"fork", job, "--detach", "--at", absl::StrCat(step)});
    const CommandResult result = cluster_->Banyan(flags);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.LastLine();
  }
  static Json Describe(const std::string& job) {
    return Json::parse(cluster_->Banyan({"describe", job, "-o", "json"}).out);
  }
  static void Refused(const std::vector<std::string>& flags, int exit_code, const std::string& why) {
    std::vector<std::string> command = {"fork", parent_};
    command.insert(command.end(), flags.begin(), flags.end());
    const CommandResult result = cluster_->Banyan(command);
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    EXPECT_THAT(result.err, HasSubstr(why));
  }

  static inline std::unique_ptr<LocalCluster> cluster_;
  static inline std::string parent_;
  static inline Json parent_result_;
};

TEST_F(ForkTest, UnchangedItEndsAsItsParent) {
  const std::string checkpoints = cluster_->Banyan({"checkpoints", parent_}).out;
  const std::string fork = Fork(parent_, 40, {"--workers", "1", "--servers", "1"});
  const Json result = cluster_->Result(fork);
  EXPECT_EQ(Answer(result), Answer(parent_result_));
  EXPECT_EQ(cluster_->Lines(fork), cluster_->Lines(parent_));
  EXPECT_THAT(EventTypes(result), AllOf(Contains("FORKED"), Not(Contains("LEDGER_DIFFERS")), Not(Contains("RECOVERING"))));
  EXPECT_EQ(cluster_->Banyan({"checkpoints", parent_}).out, checkpoints) << "the parent's stay";
  // What it began with is the state that it says, and the parent's of that step.
  const Json from = Describe(fork)["forked_from"];
  EXPECT_EQ(from["parent"], parent_);
  EXPECT_EQ(from["step"], "40");
  std::string hash;
  for (const Json& checkpoint : Json::parse(cluster_->Banyan({"checkpoints", fork, "-o", "json"}).out)) {
    if (checkpoint["step"] == 40) hash = checkpoint["state_hash"];
  }
  EXPECT_EQ(from["state_hash"], hash);
  EXPECT_FALSE(hash.empty());
}

TEST_F(ForkTest, ForksOfForksAreForksOfTheFirst) {
  const std::string fork = Fork(parent_, 20);
  EXPECT_EQ(Answer(cluster_->Result(fork)), Answer(parent_result_));
  const CommandResult early = cluster_->Banyan({"fork", fork, "--at", "19"});
  EXPECT_EQ(early.exit_code, 4);
  EXPECT_THAT(early.err, HasSubstr("fork job " + parent_));
  EXPECT_EQ(Answer(cluster_->Result(Fork(fork, 37))), Answer(parent_result_));
}

TEST_F(ForkTest, ChangedItEndsAsTheRunsPutTogetherByHand) {
  const std::string one = Submit("one");
  cluster_->Result(one);
  const Json fork =
      cluster_->Result(Fork(one, 17, {"--set", "recipe.optimizer.sgd.learning_rate=0.0004"}));
  const std::string first = Submit("one", {"--set", "recipe.until.steps=17"});
  std::string path = cluster_->Result(first)["checkpoint"]["path"];
  ASSERT_EQ(path.find(cluster_->folder()), 0) << path;
  path = "data:" + path.substr(cluster_->folder().size() + 1);
  const auto goes_on_from = [&](const std::string& weights) {
    return Submit("one", {"--set", "recipe.until.steps=13", "--set", "recipe.model.init_from=" + weights, "--set",
                          "recipe.optimizer.sgd.learning_rate=0.0004"});
  };
  const std::string second = goes_on_from(path);
  EXPECT_EQ(fork["weights_hash"], cluster_->Result(second)["weights_hash"]);
  EXPECT_NE(fork["weights_hash"], cluster_->Result(one)["weights_hash"]);
  const std::vector<std::string> lines = cluster_->Lines(Describe("@last")["summary"]["id"]);
  EXPECT_EQ(lines.size(), 13);

  // The recipe is the same wherever the weights lie.
  std::filesystem::copy(JoinPath(cluster_->folder(), path.substr(5)), JoinPath(cluster_->folder(), "copy"));
  const std::string third = goes_on_from("data:copy");
  for (const char* name : {"weights_hash", "state_hash"}) {
    EXPECT_EQ(cluster_->Result(third)[name], cluster_->Result(second)[name]);
  }
  EXPECT_EQ(cluster_->Result(third)["job"]["fingerprint"], cluster_->Result(second)["job"]["fingerprint"]);
  EXPECT_NE(cluster_->Result(third)["job"]["fingerprint"], cluster_->Result(one)["job"]["fingerprint"]);
}

TEST_F(ForkTest, SaysWhatCannotBe) {
  Refused({}, 2, "--at is not given");
  Refused({"--at", "61"}, 4, "has come to step 60, there is no state after step 61");
  Refused({"--at", "40", "--set", "recipe.model.gpt.width=64"}, 3, "has shape [");
  Refused({"--at", "40", "--set", "recipe.batch.samples=16"}, 3, "recipe.batch.samples: 16, job");
  Refused({"--at", "60"}, 3, "recipe.until: is step 60");
  Refused({"--at", "40", "--set", "recipe.optimizer.adamw.learning_rate=fast"}, 3, "expected");
}

// Where retention has deleted the checkpoints before it, it is computed from the beginning.
TEST_F(ForkTest, WithoutACheckpointItBeginsAtTheBeginning) {
  const std::string job = Submit("gpt", {"--set", "run.checkpoint.keep=1"});
  EXPECT_EQ(Answer(cluster_->Result(job)), Answer(parent_result_));
  const std::unique_ptr<Process> fork = cluster_->Start({"fork", job, "--at", "40"});
  ASSERT_TRUE(fork->AwaitErr("40 steps from step 0 are computed again"));
  EXPECT_EQ(fork->Wait().exit_code, 0);
  EXPECT_EQ(Answer(cluster_->Result("@last")), Answer(parent_result_));
}

TEST_F(ForkTest, ItsServerIsKilledInTheReplay) {
  const std::string job = Submit("gpt", {"--set", "run.checkpoint.keep=1"});
  cluster_->Result(job);
  const std::string fork = Fork(job, 55);
  ASSERT_EQ(cluster_->Banyan({"wait", fork, "--for", "state=RUNNING"}).exit_code, 0);
  cluster_->Kill("server-1");
  EXPECT_EQ(Answer(cluster_->Result(fork)), Answer(parent_result_));
}

TEST_F(ForkTest, APausedJobGoesOnWhereItWas) {
  const std::string job = Submit("gpt");
  ASSERT_TRUE(cluster_->AwaitStep(job, 10));
  const std::unique_ptr<Process> waiting = cluster_->Start({"wait", job, "-o", "json"});
  const CommandResult paused = cluster_->Banyan({"pause", job});
  EXPECT_EQ(paused.exit_code, 0) << paused.err;
  EXPECT_THAT(paused.out, HasSubstr("PAUSED"));
  // Its processes are others', and who waits for it waits on.
  EXPECT_EQ(cluster_->Result(Submit("one"))["state"], "SUCCEEDED");
  EXPECT_EQ(cluster_->Banyan({"pause", job}).exit_code, 4);
  EXPECT_EQ(cluster_->Banyan({"resume", job, "--detach", "--servers", "1"}).exit_code, 0);
  const CommandResult end = waiting->Wait();
  EXPECT_EQ(end.exit_code, 0) << end.err;
  EXPECT_EQ(Answer(Json::parse(end.LastLine())), Answer(parent_result_));
  EXPECT_EQ(cluster_->Lines(job), cluster_->Lines(parent_));
}

TEST_F(ForkTest, ProcessesAreKilledWhileItPauses) {
  const std::vector<std::string> longer = {"--set", "recipe.until.steps=300"};
  const std::string reference = Submit("gpt", longer);
  const std::string answer = Answer(cluster_->Result(reference));
  const std::string job = Submit("gpt", longer);
  int step = 0;
  for (const char* name : {"worker-0", "server-0", "coordinator"}) {
    ASSERT_TRUE(cluster_->AwaitStep(job, step += 20));
    ASSERT_EQ(cluster_->Banyan({"pause", job, "--detach"}).exit_code, 0);
    cluster_->Kill(name);
    // The coordinator may be away for a while.
    while (cluster_->Banyan({"wait", job, "--for", "state=PAUSED", "--timeout", "60s"}).exit_code == 6) {
    }
    const CommandResult resumed = cluster_->Banyan({"resume", job, "--detach"});
    EXPECT_EQ(resumed.exit_code, 0) << name << ": " << resumed.err;
  }
  EXPECT_EQ(Answer(cluster_->Result(job)), answer);
  EXPECT_EQ(cluster_->Lines(job), cluster_->Lines(reference));
}

}  // namespace
}  // namespace banyan::testing
