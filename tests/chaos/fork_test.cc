// Real processes: a job is paused, stopped, resumed and forked at steps drawn from a seed; what comes out is what one
// undisturbed run, or runs put together by hand, come to.

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
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
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

constexpr int kSteps = 60;
constexpr int kMoreSteps = 150;
constexpr int kManySteps = 400;  // there are some left after two stops

constexpr char kRun[] = R"(  servers: {count: 2, chunk_bytes: 16384}
  evaluate: {every: 10 steps, samples: 3, at_end: all}
  checkpoint: {every: 15 steps, keep: 100}
)";

// One sample, so that a job that begins with another's weights sees what that one would have seen next.
constexpr char kOneLinear[] = R"(
version: 1
name: one-linear
recipe:
  model: {linear: {outputs: 3}}
  data: {synthetic_regression: {features: 40, targets: 3, samples: 1}}
  batch: {samples: 1, leaf: 1}
  until: {steps: 30}
  optimizer: {sgd: {learning_rate: 0.001}}
run:
  checkpoint: {every: 10 steps}
)";
constexpr char kOneGpt[] = R"(
version: 1
name: one-gpt
recipe:
  model: {gpt: {layers: 1, heads: 2, width: 16, context: 16}}
  data: {text: {path: "data:one-text"}}
  batch: {samples: 1, leaf: 1}
  until: {steps: 30}
  optimizer: {sgd: {learning_rate: 0.001}}
run:
  checkpoint: {every: 10 steps}
)";

class ForkTest : public ::testing::Test {
 protected:
  // A job that nothing happens to.
  struct Reference {
    std::string job;
    std::string answer;
    std::vector<std::string> lines;
  };

  static void SetUpTestSuite() {
    const std::string folder = MakeFolder("fork");
    WriteFile(folder + "/text", SomeText());
    WriteFile(folder + "/one-text", "seventeen letters");  // and as many tokens: one sample
    WriteFile(folder + "/gpt.yaml", GptJob(kSteps, kRun));
    WriteFile(folder + "/linear.yaml", LinearJob(kSteps, kRun));
    WriteFile(folder + "/one-gpt.yaml", kOneGpt);
    WriteFile(folder + "/one-linear.yaml", kOneLinear);
    cluster_ = std::make_unique<LocalCluster>(folder);
    cluster_->Up(/*workers=*/2, /*servers=*/2);
  }
  static void TearDownTestSuite() {
    references_.clear();
    cluster_.reset();
  }

  static const Reference& LeftAlone(const std::string& name, int steps = kSteps) {
    Reference& reference = references_[{name, steps}];
    if (!reference.job.empty()) return reference;
    reference.job = Submit(name, Until(steps));
    reference.answer = Answer(cluster_->Result(reference.job));
    reference.lines = cluster_->Lines(reference.job);
    EXPECT_EQ(reference.lines.size(), static_cast<size_t>(steps)) << "every step has one line";
    return reference;
  }
  // That it ended as the other.
  static void ExpectTheSame(const std::string& job, const Json& result, const Reference& reference) {
    EXPECT_EQ(Answer(result), reference.answer);
    EXPECT_EQ(cluster_->Lines(job), reference.lines);
    EXPECT_THAT(EventTypes(result), Not(Contains("LEDGER_DIFFERS")));
  }

  static std::vector<std::string> Until(int steps) {
    return {"--set", absl::StrCat("recipe.until.steps=", steps)};
  }
  static int DrawStep(int first, int last) { return std::uniform_int_distribution<int>(first, last)(random_); }

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
  // What people say while the job stands still: it might be over first.
  static CommandResult SayToOneThatStands(const std::vector<std::string>& command) {
    const pid_t servers[] = {cluster_->Pid("server-0"), cluster_->Pid("server-1")};
    for (const pid_t pid : servers) kill(pid, SIGSTOP);  // which one that was killed does not hear
    const CommandResult result = cluster_->Banyan(command);
    for (const pid_t pid : servers) kill(pid, SIGCONT);
    return result;
  }
  static Json Describe(const std::string& job) {
    return Json::parse(cluster_->Banyan({"describe", job, "-o", "json"}).out);
  }
  static void Refused(const std::vector<std::string>& flags, int exit_code, const std::string& why) {
    std::vector<std::string> command = {"fork", LeftAlone("gpt").job};
    command.insert(command.end(), flags.begin(), flags.end());
    const CommandResult result = cluster_->Banyan(command);
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    EXPECT_THAT(result.err, HasSubstr(why));
  }

  static inline std::unique_ptr<LocalCluster> cluster_;
  static inline std::map<std::pair<std::string, int>, Reference> references_;
  static inline std::mt19937 random_{20261130};
};

// Of the linear job as of GPT.
class EitherForkTest : public ForkTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(EitherForkTest, UnchangedItEndsAsItsParent) {
  const Reference& parent = LeftAlone(GetParam());
  const std::string checkpoints = cluster_->Banyan({"checkpoints", parent.job}).out;
  const int step = DrawStep(31, 44);  // the parent has no checkpoint of it
  SCOPED_TRACE(absl::StrCat("at step ", step));
  const std::string fork = Fork(parent.job, step, {"--workers", "1", "--servers", "1"});
  const Json result = cluster_->Result(fork);
  ExpectTheSame(fork, result, parent);
  EXPECT_THAT(EventTypes(result), AllOf(Contains("FORKED"), Not(Contains("RECOVERING"))));
  EXPECT_EQ(cluster_->Banyan({"checkpoints", parent.job}).out, checkpoints) << "the parent's stay";
  // What it began with is the state that it says, and the parent's of that step.
  const Json from = Describe(fork)["forked_from"];
  EXPECT_EQ(from["parent"], parent.job);
  EXPECT_EQ(from["step"], absl::StrCat(step));
  std::string hash;
  for (const Json& checkpoint : Json::parse(cluster_->Banyan({"checkpoints", fork, "-o", "json"}).out)) {
    if (checkpoint["step"] == step) hash = checkpoint["state_hash"];
  }
  EXPECT_EQ(from["state_hash"], hash);
  EXPECT_FALSE(hash.empty());
}

TEST_F(ForkTest, ForksOfForksAreForksOfTheFirst) {
  const Reference& parent = LeftAlone("gpt");
  const std::string fork = Fork(parent.job, 20);
  ExpectTheSame(fork, cluster_->Result(fork), parent);
  const CommandResult early = cluster_->Banyan({"fork", fork, "--at", "19"});
  EXPECT_EQ(early.exit_code, 4);
  EXPECT_THAT(early.err, HasSubstr("fork job " + parent.job));
  const std::string another = Fork(fork, 37);
  ExpectTheSame(another, cluster_->Result(another), parent);
}

TEST_P(EitherForkTest, ChangedItEndsAsTheRunsPutTogetherByHand) {
  const std::string name = absl::StrCat("one-", GetParam());
  const int step = DrawStep(11, 19);  // between two checkpoints
  SCOPED_TRACE(absl::StrCat("at step ", step));
  const std::string one = Submit(name);
  cluster_->Result(one);
  const Json fork =
      cluster_->Result(Fork(one, step, {"--set", "recipe.optimizer.sgd.learning_rate=0.0004"}));
  const std::string first = Submit(name, Until(step));
  std::string path = cluster_->Result(first)["checkpoint"]["path"];
  ASSERT_EQ(path.find(cluster_->folder()), 0) << path;
  path = "data:" + path.substr(cluster_->folder().size() + 1);
  const auto goes_on_from = [&](const std::string& weights) {
    return Submit(name, {"--set", absl::StrCat("recipe.until.steps=", 30 - step), "--set",
                         "recipe.model.init_from=" + weights, "--set", "recipe.optimizer.sgd.learning_rate=0.0004"});
  };
  const std::string second = goes_on_from(path);
  EXPECT_EQ(fork["weights_hash"], cluster_->Result(second)["weights_hash"]);
  EXPECT_NE(fork["weights_hash"], cluster_->Result(one)["weights_hash"]);
  const std::vector<std::string> lines = cluster_->Lines(Describe("@last")["summary"]["id"]);
  EXPECT_EQ(lines.size(), static_cast<size_t>(30 - step));

  // The recipe is the same wherever the weights lie.
  const std::string copy = absl::StrCat("copy-", GetParam());
  std::filesystem::copy(JoinPath(cluster_->folder(), path.substr(5)), JoinPath(cluster_->folder(), copy));
  const std::string third = goes_on_from("data:" + copy);
  for (const char* hash : {"weights_hash", "state_hash"}) {
    EXPECT_EQ(cluster_->Result(third)[hash], cluster_->Result(second)[hash]);
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
  ExpectTheSame(job, cluster_->Result(job), LeftAlone("gpt"));
  const std::unique_ptr<Process> fork = cluster_->Start({"fork", job, "--at", "40"});
  ASSERT_TRUE(fork->AwaitErr("40 steps from step 0 are computed again"));
  EXPECT_EQ(fork->Wait().exit_code, 0);
  ExpectTheSame("@last", cluster_->Result("@last"), LeftAlone("gpt"));
}

TEST_F(ForkTest, ItsServerIsKilledInTheReplay) {
  const Reference& parent = LeftAlone("gpt");
  const std::string job = Submit("gpt", {"--set", "run.checkpoint.keep=1"});
  cluster_->Result(job);
  const std::string fork = Fork(job, 55);
  ASSERT_EQ(cluster_->Banyan({"wait", fork, "--for", "state=RUNNING"}).exit_code, 0);
  cluster_->Kill("server-1");
  ExpectTheSame(fork, cluster_->Result(fork), parent);
}

TEST_P(EitherForkTest, APausedJobGoesOnWhereItWas) {
  const Reference& reference = LeftAlone(GetParam(), kMoreSteps);
  const std::string job = Submit(GetParam(), Until(kMoreSteps));
  const int step = DrawStep(3, 60);
  SCOPED_TRACE(absl::StrCat("at step ", step));
  ASSERT_TRUE(cluster_->AwaitStep(job, step));
  const std::unique_ptr<Process> waiting = cluster_->Start({"wait", job, "-o", "json"});
  const CommandResult paused = cluster_->Banyan({"pause", job});
  EXPECT_EQ(paused.exit_code, 0) << paused.err;
  EXPECT_THAT(paused.out, HasSubstr("PAUSED"));
  // Its processes are others', and who waits for it waits on.
  EXPECT_EQ(cluster_->Result(Submit("one-linear"))["state"], "SUCCEEDED");
  EXPECT_EQ(cluster_->Banyan({"pause", job}).exit_code, 4);
  EXPECT_EQ(cluster_->Banyan({"resume", job, "--detach", "--servers", "1"}).exit_code, 0);
  const CommandResult end = waiting->Wait();
  EXPECT_EQ(end.exit_code, 0) << end.err;
  ExpectTheSame(job, Json::parse(end.LastLine()), reference);
}

TEST_P(EitherForkTest, ProcessesAreKilledWhileItPauses) {
  const Reference& reference = LeftAlone(GetParam(), kMoreSteps);
  const std::string job = Submit(GetParam(), Until(kMoreSteps));
  int step = 0;
  for (const char* name : {"worker-0", "server-0", "coordinator"}) {
    step += DrawStep(3, 20);
    SCOPED_TRACE(absl::StrCat(name, " at step ", step));
    ASSERT_TRUE(cluster_->AwaitStep(job, step));
    ASSERT_EQ(SayToOneThatStands({"pause", job, "--detach"}).exit_code, 0);
    cluster_->Kill(name);
    // The coordinator may be away for a while.
    while (cluster_->Banyan({"wait", job, "--for", "state=PAUSED", "--timeout", "60s"}).exit_code == 6) {
    }
    const CommandResult resumed = cluster_->Banyan({"resume", job, "--detach"});
    EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  }
  ExpectTheSame(job, cluster_->Result(job), reference);
}

TEST_P(EitherForkTest, StoppedItGoesOnWithOtherCounts) {
  const Reference& reference = LeftAlone(GetParam(), kManySteps);
  std::vector<std::string> submit = Until(kManySteps);
  submit.insert(submit.end(), {"--workers", "1", "--servers", "1"});
  const std::string job = Submit(GetParam(), submit);
  int step = 0;
  for (const char* count : {"2", "1"}) {
    step = static_cast<int>(cluster_->Lines(job).size()) + DrawStep(3, 30);
    SCOPED_TRACE(absl::StrCat("at step ", step, ", then ", count, " of either"));
    ASSERT_TRUE(cluster_->AwaitStep(job, step));
    ASSERT_EQ(SayToOneThatStands({"stop", job, "--detach"}).exit_code, 0);
    ASSERT_EQ(cluster_->Banyan({"wait", job, "--for", "state=STOPPED", "--timeout", "60s"}).exit_code, 0);
    const CommandResult resumed =
        cluster_->Banyan({"resume", job, "--detach", "--workers", count, "--servers", count});
    ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
    const std::unique_ptr<Process> log = cluster_->Start({"logs", "-f", job});
    ASSERT_TRUE(log->AwaitOut(absl::StrCat("over ", count, " worker")));
  }
  const Json result = cluster_->Result(job);
  ExpectTheSame(job, result, reference);
  EXPECT_EQ(result["layout"]["workers"], 1);
  EXPECT_EQ(result["layout"]["servers"], 1);
  EXPECT_EQ(result["counters"]["rollbacks"], 0);
  // By how many workers it was computed, and how many servers came.
  std::vector<std::string> over;
  int servers = 0;
  const Json events = Describe(job)["events"];
  for (const Json& event : events) {
    const std::string text = event.value("text", "");
    if (event["type"] == "ASSIGNMENT") over.push_back(text.substr(std::min(text.find("over "), text.size()), 6));
    servers += event["type"] == "SERVER_JOINED" ? 1 : 0;
  }
  over.erase(std::unique(over.begin(), over.end()), over.end());
  EXPECT_THAT(over, ElementsAre("over 1", "over 2", "over 1")) << events;
  EXPECT_EQ(servers, 1 + 2 + 1) << events;
}

INSTANTIATE_TEST_SUITE_P(Jobs, EitherForkTest, ::testing::Values("linear", "gpt"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace banyan::testing
