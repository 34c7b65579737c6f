// Servers of real processes that nobody starts again: they die, fall silent, join and drain, with replicas and without.
// The answer stays, to the last bit of every line.

#include <signal.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/hand_cluster.h"
#include "tests/support/jobs.h"
#include "tests/support/local_cluster.h"

namespace banyan::testing {
namespace {

using ::testing::Contains;
using ::testing::Not;
using Json = nlohmann::json;

std::string Job() {
  return GptJob(600, R"(  servers: {count: 2, chunk_bytes: 16384, wait: 2s}
  evaluate: {every: 150 steps, samples: 3, at_end: all}
  checkpoint: {every: 150 steps}
)");
}

class ServersTest : public ::testing::TestWithParam<int> {
 protected:
  struct Outcome {
    Json result;
    std::string lines;
  };

  static void SetUpTestSuite() {
    cluster_ = std::make_unique<HandCluster>(MakeFolder("servers"));
    WriteFile(cluster_->folder() + "/text", SomeText());
    WriteFile(cluster_->folder() + "/job.yaml", Job());
    for (const char* name : {"server-0", "server-1", "worker-0", "worker-1"}) cluster_->Start(name);
    Begin(2, 0);
    undisturbed_ = std::make_unique<Outcome>(End());
  }
  static void TearDownTestSuite() {
    undisturbed_.reset();
    cluster_.reset();
  }

  // A job on so many servers.
  static void Begin(int servers, int replicas) {
    const CommandResult result = cluster_->Banyan(
        {"submit", cluster_->folder() + "/job.yaml", "--detach", "--set", absl::StrCat("run.servers.count=", servers),
         "--set", absl::StrCat("run.servers.replicas=", replicas)});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    job_ = result.LastLine();
  }
  static void AwaitStep(int step) {
    const auto lines = cluster_->Begin({"metrics", job_, "-f", "-o", "jsonl"});
    EXPECT_TRUE(lines->AwaitOut(absl::StrCat("{\"step\":", step, ",")));
  }
  static Outcome End() {
    const Json result = cluster_->Result(job_);
    return {.result = result, .lines = cluster_->Lines(job_)};
  }
  // The end of the job, which must be the undisturbed one's; returns its events' types.
  static std::vector<std::string> ExpectTheAnswer() {
    const Outcome outcome = End();
    EXPECT_EQ(Answer(outcome.result), Answer(undisturbed_->result));
    EXPECT_TRUE(outcome.lines == undisturbed_->lines) << "lines differ";
    rollbacks_ = outcome.result["counters"].value("rollbacks", 0);
    events_ = cluster_->Banyan({"describe", job_}).out;
    return EventTypes(outcome.result);
  }

  static inline std::unique_ptr<HandCluster> cluster_;
  static inline std::unique_ptr<Outcome> undisturbed_;
  static inline std::string job_;
  static inline std::string events_;
  static inline int rollbacks_ = 0;
};

TEST_F(ServersTest, WhenNobodyStartsItAgainTheOthersTakeItsChunksAndALaterOneItsShare) {
  Begin(2, 0);
  AwaitStep(200);
  cluster_->Kill("server-1");
  const auto follow = cluster_->Begin({"wait", job_, "--for", "state=RECOVERING", "--timeout", "60s"});
  EXPECT_EQ(follow->Wait().exit_code, 0);
  AwaitStep(320);
  cluster_->Start("server-1");
  const std::vector<std::string> events = ExpectTheAnswer();
  EXPECT_THAT(events, Contains("FEWER_SERVERS")) << events_;
  EXPECT_EQ(rollbacks_, 1);
  EXPECT_NE(events_.find("then 1 server goes on from step 150"), std::string::npos) << events_;
  EXPECT_NE(events_.find("chunks move to servers that have fewer"), std::string::npos) << events_;
}

TEST_P(ServersTest, OneJoinsAndOneDrains) {
  cluster_->Start("server-2");
  Begin(3, GetParam());
  AwaitStep(50);
  cluster_->Drain("server-1");
  cluster_->Start("server-1");
  const std::vector<std::string> events = ExpectTheAnswer();
  EXPECT_THAT(events, Contains("SERVER_LEFT")) << events_;
  EXPECT_THAT(events, Not(Contains("RECOVERING"))) << events_;
  // On a busy machine one may be suspected, and come again.
  EXPECT_GE(std::ranges::count(events, "SERVER_JOINED"), 4) << events_;
  EXPECT_NE(events_.find("chunks move to servers that have fewer"), std::string::npos) << events_;
  EXPECT_EQ(rollbacks_, 0);
  cluster_->Drain("server-2");
}

INSTANTIATE_TEST_SUITE_P(Replicas, ServersTest, ::testing::Values(0, 1));

TEST_F(ServersTest, ASilentOneIsNotWaitedForWhereOthersHaveItsChunks) {
  Begin(2, 1);
  AwaitStep(50);
  cluster_->process("server-1").Signal(SIGSTOP);
  AwaitStep(300);
  cluster_->process("server-1").Signal(SIGCONT);
  const std::vector<std::string> events = ExpectTheAnswer();
  EXPECT_NE(events_.find("server-1  silent for"), std::string::npos) << events_;
  EXPECT_THAT(events, Not(Contains("RECOVERING"))) << events_;
  EXPECT_EQ(rollbacks_, 0);
}

TEST_F(ServersTest, WithReplicasOneMayDieWhileTheCoordinatorIsAway) {
  Begin(2, 1);
  AwaitStep(100);
  cluster_->Kill("coordinator");
  cluster_->Kill("server-1");
  cluster_->Start("coordinator");
  cluster_->Start("server-1");
  const std::vector<std::string> events = ExpectTheAnswer();
  EXPECT_EQ(rollbacks_, 0) << events_;
}

}  // namespace
}  // namespace banyan::testing
