// Servers of real processes that nobody starts again: they die, fall silent, join and drain, with replicas and without,
// at steps drawn from a seed. The answer stays, to the last bit of every line.

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
#include "tests/support/known_jobs.h"
#include "tests/support/local_cluster.h"

namespace banyan::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

constexpr int kSteps = 600;
constexpr char kRun[] = R"(  servers: {count: 2, chunk_bytes: 16384, wait: 2s}
  evaluate: {every: 150 steps, samples: 3, at_end: all}
  checkpoint: {every: 150 steps}
)";

class ServersTest : public ::testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() {
    cluster_ = std::make_unique<HandCluster>(MakeFolder("servers"));
    jobs_ = std::make_unique<KnownJobs>(*cluster_, kSteps, kRun, /*seed=*/20261125);
    for (const char* name : {"server-0", "server-1", "worker-0", "worker-1"}) cluster_->Start(name);
  }
  static void TearDownTestSuite() {
    jobs_.reset();
    cluster_.reset();
  }

  // Comes to a step up to `last`.
  static KnownJobs::Job Begin(int servers, int replicas, int last = kSteps / 2, std::vector<std::string> flags = {}) {
    flags.insert(flags.end(), {"--set", absl::StrCat("run.servers.count=", servers), "--set",
                               absl::StrCat("run.servers.replicas=", replicas)});
    return jobs_->Begin(GetParam(), 5, last, flags);
  }
  // What `describe` has of its events.
  static std::string Events(const KnownJobs::Job& job) { return cluster_->Banyan({"describe", job.id}).out; }
  // No step was computed twice.
  static void ExpectNoWayBack(const Json& result, const std::string& events) {
    EXPECT_THAT(EventTypes(result), Not(Contains("RECOVERING"))) << events;
    EXPECT_EQ(result["counters"].value("rollbacks", 0), 0) << events;
  }

  // Early, for whoever comes again must find steps to do.
  static void OneJoinsAndOneDrains(int replicas) {
    cluster_->Start("server-2");
    const KnownJobs::Job job = Begin(3, replicas, kSteps / 8);
    cluster_->Drain("server-1");
    cluster_->Start("server-1");
    const Json result = jobs_->ExpectTheAnswer(job);
    const std::vector<std::string> types = EventTypes(result);
    const std::string events = Events(job);
    EXPECT_THAT(types, Contains("SERVER_LEFT")) << events;
    // On a busy machine one may be suspected, and come again.
    EXPECT_GE(std::ranges::count(types, "SERVER_JOINED"), 4) << events;
    EXPECT_THAT(events, HasSubstr("chunks move to servers that have fewer"));
    ExpectNoWayBack(result, events);
    cluster_->Drain("server-2");
  }

  static inline std::unique_ptr<HandCluster> cluster_;
  static inline std::unique_ptr<KnownJobs> jobs_;
};

TEST_P(ServersTest, WhenNobodyStartsItAgainTheOthersTakeItsChunksAndALaterOneItsShare) {
  const KnownJobs::Job job = Begin(2, 0, kSteps / 3);
  const auto log = cluster_->Begin({"logs", "-f", job.id});
  cluster_->Kill("server-1");
  EXPECT_TRUE(log->AwaitOut("FEWER_SERVERS"));
  EXPECT_EQ(cluster_->Banyan({"wait", job.id, "--for", "state=RUNNING", "--timeout", "60s"}).exit_code, 0);
  cluster_->Start("server-1");
  const Json result = jobs_->ExpectTheAnswer(job);
  EXPECT_EQ(result["counters"]["rollbacks"], 1);
  EXPECT_THAT(Events(job), AllOf(HasSubstr("then 1 server goes on from step "),
                                 HasSubstr("chunks move to servers that have fewer")));
}

TEST_P(ServersTest, OneJoinsAndOneDrains) { OneJoinsAndOneDrains(/*replicas=*/0); }

TEST_P(ServersTest, WithReplicasOneJoinsAndOneDrains) { OneJoinsAndOneDrains(/*replicas=*/1); }

TEST_P(ServersTest, WithReplicasADeathCostsNoStepAndTheCopiesAreMadeAgain) {
  const KnownJobs::Job job = Begin(2, 1, kSteps / 3);
  const auto log = cluster_->Begin({"logs", "-f", job.id});
  cluster_->Kill("server-1");
  EXPECT_TRUE(log->AwaitOut("SERVER_LOST server-1"));
  cluster_->Start("server-1");
  EXPECT_TRUE(log->AwaitOut("backups named"));
  // By then they hold what they back up.
  cluster_->AwaitStep(job.id, job.step + kSteps / 3);
  cluster_->Kill("server-0");
  EXPECT_TRUE(log->AwaitOut("SERVER_LOST server-0"));
  cluster_->Start("server-0");
  const Json result = jobs_->ExpectTheAnswer(job);
  ExpectNoWayBack(result, Events(job));
}

// Nobody starts it again: another of the three gets its copies, and then may be lost too.
TEST_P(ServersTest, WithReplicasAnotherHasTheCopiesOfOneThatStaysAway) {
  cluster_->Start("server-2");
  const KnownJobs::Job job = Begin(3, 1, kSteps / 8);
  const auto log = cluster_->Begin({"logs", "-f", job.id});
  cluster_->Kill("server-1");
  EXPECT_TRUE(log->AwaitOut("SERVER_LOST server-1"));
  EXPECT_TRUE(log->AwaitOut("backups named"));
  // No step that begins with these backups is done before they hold it: then they are in sync.
  cluster_->AwaitStep(job.id, cluster_->CountLines(job.id) + 10);
  cluster_->Kill("server-2");
  EXPECT_TRUE(log->AwaitOut("SERVER_LOST server-2"));
  const Json result = jobs_->ExpectTheAnswer(job);
  const std::string events = Events(job);
  EXPECT_GE(result["counters"].value("servers_survived", 0), 2) << events;
  ExpectNoWayBack(result, events);
  cluster_->Start("server-1");
}

TEST_P(ServersTest, ASilentOneIsNotWaitedForWhereOthersHaveItsChunks) {
  const KnownJobs::Job job = Begin(2, 1);
  cluster_->process("server-1").Signal(SIGSTOP);
  cluster_->AwaitStep(job.id, job.step + kSteps / 3);
  cluster_->process("server-1").Signal(SIGCONT);
  const Json result = jobs_->ExpectTheAnswer(job);
  const std::string events = Events(job);
  EXPECT_THAT(events, HasSubstr("server-1  silent for"));
  ExpectNoWayBack(result, events);
}

TEST_P(ServersTest, WithReplicasOneMayDieWhileTheCoordinatorIsAway) {
  const KnownJobs::Job job = Begin(2, 1);
  cluster_->Kill("coordinator");
  cluster_->Kill("server-1");
  cluster_->Start("coordinator");
  cluster_->Start("server-1");
  const Json result = jobs_->ExpectTheAnswer(job);
  EXPECT_EQ(result["counters"].value("rollbacks", 0), 0) << Events(job);
}

// Without replicas the job stands until its lease ends, and all go back once it is heard again. Last, for the lease of
// the coordinator that it starts is short.
TEST_P(ServersTest, ASilentOneIsWaitedForWhereNobodyHasItsChunks) {
  cluster_->Drain("coordinator");
  cluster_->Start("coordinator", {"--server-lease=1s"});
  const KnownJobs::Job job = Begin(2, 0, kSteps / 2, {"--set", "run.servers.wait=1m"});
  const auto log = cluster_->Begin({"logs", "-f", job.id});
  cluster_->process("server-1").Signal(SIGSTOP);
  EXPECT_TRUE(log->AwaitOut("SERVER_LOST server-1: its lease ran out"));
  cluster_->process("server-1").Signal(SIGCONT);
  const Json result = jobs_->ExpectTheAnswer(job);
  EXPECT_GE(result["counters"].value("rollbacks", 0), 1) << Events(job);
}

INSTANTIATE_TEST_SUITE_P(Jobs, ServersTest, ::testing::Values("linear", "gpt"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace banyan::testing
