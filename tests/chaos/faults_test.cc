// Real processes are killed and jobs stopped at steps drawn from a seed; the answer stays, to the last bit of every line.

#include <signal.h>

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/disturbed_jobs.h"
#include "tests/support/jobs.h"
#include "tests/support/leftovers.h"
#include "tests/support/local_cluster.h"

namespace banyan::testing {
namespace {

using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Not;
using Json = nlohmann::json;

constexpr int kSteps = 150;
constexpr char kRun[] = R"(  servers: {count: 2, chunk_bytes: 16384}
  evaluate: {every: 15 steps}
  checkpoint: {every: 15 steps}
)";

class FaultsTest : public DisturbedJobs<FaultsTest> {
 protected:
  static void SetUpTestSuite() { Begin({.folder = "faults", .steps = kSteps, .run = kRun}); }

  // A stop that cannot end, for a server stands still: what `happens` meanwhile does so while the checkpoint of the
  // stop is written. Then the server goes on, and, once the job is stopped, the job.
  template <typename Happens>
  static Json DisturbAStop(const Happens& happens) {
    return Disturb([&](const std::string& job) {
      const pid_t still = cluster_->Pid("server-0");
      EXPECT_EQ(kill(still, SIGSTOP), 0);
      const std::unique_ptr<Process> stop = cluster_->Start({"stop", job});
      EXPECT_TRUE(cluster_->Start({"logs", "-f", job})->AwaitOut("STOPPING"));
      happens();
      kill(still, SIGCONT);
      // Told by some loss that the last checkpoint stands, or by the checkpoint itself.
      EXPECT_EQ(stop->Wait().exit_code, 0);
      Expect({"result", job}, 8);
      Expect({"resume", job, "--detach"}, 0);
    });
  }
};

// A worker is two processes: the one that was started, whose end the other notices, and the one that computes.
TEST_P(FaultsTest, AWorkerIsKilled) {
  const Json result = Disturb([](const std::string&) { cluster_->Kill("worker-0"); });
  EXPECT_THAT(EventTypes(result), Contains(AnyOf("WORKER_LOST", "WORKER_LEFT")));
  EXPECT_THAT(EventTypes(result), Not(Contains("RECOVERING")));
  EXPECT_EQ(result["counters"]["rollbacks"], 0);
}

TEST_P(FaultsTest, TheProcessThatComputesIsKilled) {
  const Json result = Disturb([](const std::string& job) {
    kill(Workers(job).at("worker-1"), SIGKILL);
  });
  EXPECT_THAT(EventTypes(result), Contains("WORKER_LOST"));
  EXPECT_THAT(EventTypes(result), Not(Contains("RECOVERING")));
  EXPECT_EQ(result["counters"]["rollbacks"], 0);
}

TEST_P(FaultsTest, AServerIsKilled) {
  const Json result = Disturb([](const std::string&) { cluster_->Kill("server-1"); });
  EXPECT_THAT(EventTypes(result), Contains("SERVER_LOST"));
}

TEST_P(FaultsTest, TheCoordinatorIsKilled) {
  const Json result = Disturb([](const std::string&) { cluster_->Kill("coordinator"); });
  EXPECT_THAT(EventTypes(result), Contains("RECOVERING"));
}

TEST_P(FaultsTest, AWorkerAndAServerAndTheCoordinatorAreKilledAtOnce) {
  Disturb([](const std::string&) {
    for (const char* name : {"worker-1", "server-0", "coordinator"}) cluster_->Kill(name);
  });
}

TEST_P(FaultsTest, ItIsStoppedAndResumed) {
  Disturb([](const std::string& job) {
    Expect({"stop", job}, 0);
    Expect({"result", job}, 8);
    Expect({"resume", job, "--detach"}, 0);
  });
}

TEST_P(FaultsTest, ItIsStoppedAtOnceAndResumed) {
  Disturb([](const std::string& job) {
    Expect({"stop", job, "--now"}, 0);
    Expect({"resume", job, "--detach"}, 0);
  });
}

TEST_P(FaultsTest, AServerIsKilledWhileItStops) {
  const Json result = DisturbAStop([] { cluster_->Kill("server-1"); });
  EXPECT_THAT(EventTypes(result), Contains("SERVER_LOST"));
}

TEST_P(FaultsTest, AServerAndAWorkerAreKilledWhileItStops) {
  DisturbAStop([] {
    for (const char* name : {"server-0", "worker-0"}) cluster_->Kill(name);
  });
}

TEST_P(FaultsTest, AServerIsAskedToLeaveWhileItStops) {
  DisturbAStop([] { cluster_->Kill("server-1", SIGTERM); });
}

TEST_P(FaultsTest, AWorkerIsAskedToLeaveWhileItStops) {
  DisturbAStop([] { cluster_->Kill("worker-0", SIGTERM); });
}

// Its streams end, and that is nobody's death. Last, for the cluster starts again at once what has run for a while.
TEST_P(FaultsTest, TheCoordinatorIsAskedToLeave) {
  const Json result = Disturb([](const std::string&) {
    const pid_t leaves = cluster_->Pid("coordinator");
    kill(leaves, SIGTERM);
    EXPECT_THAT(StillThereAfter({leaves}, kDrainSeconds), IsEmpty());
  });
  EXPECT_THAT(EventTypes(result), Contains("RECOVERING"));
  EXPECT_THAT(EventTypes(result), Not(Contains(AnyOf("SERVER_LOST", "WORKER_LOST"))));
  EXPECT_EQ(result["counters"]["rollbacks"], 0);
}

INSTANTIATE_TEST_SUITE_P(Jobs, FaultsTest, ::testing::Values("linear", "gpt"),
                         [](const auto& info) { return std::string(info.param); });

// `banyan run --workers 2` goes on with one: the worker that comes back is welcome, not needed.
TEST(RunTest, ALostWorkerDoesNotHoldTheJobUp) {
  LocalCluster cluster(MakeFolder("run-worker"));
  WriteFile(cluster.folder() + "/linear.yaml", LinearJob(kSteps, kRun));
  const std::vector<std::string> run = {"run",       cluster.folder() + "/linear.yaml",
                                        "--servers", "1",
                                        "--threads", "1",
                                        "-o",        "json"};
  auto alone = run;
  alone.insert(alone.end(), {"--state-dir", cluster.folder() + "/alone"});
  const CommandResult reference = cluster.Banyan(alone);
  ASSERT_EQ(reference.exit_code, 0) << reference.err;

  auto both = run;
  both.insert(both.end(), {"--workers", "2", "--state-dir", cluster.state_dir()});
  const std::unique_ptr<Process> running = cluster.Start(both);
  ASSERT_TRUE(running->AwaitErr("RUNNING"));
  const std::string coordinator = Json::parse(ReadFile(cluster.state_dir() + "/processes.json"))[0]["endpoint"];
  const auto lines = cluster.Start({"metrics", "@last", "-f", "-o", "jsonl", "--coordinator", coordinator,
                                    "--token-file", cluster.state_dir() + "/token"});
  ASSERT_TRUE(lines->AwaitOut("{\"step\":20,"));
  cluster.Kill("worker-1");
  const CommandResult end = running->Wait();
  ASSERT_EQ(end.exit_code, 0) << end.err;
  const Json result = Json::parse(end.LastLine());
  EXPECT_EQ(Answer(result), Answer(Json::parse(reference.LastLine())));
  EXPECT_THAT(EventTypes(result), Contains(AnyOf("WORKER_LOST", "WORKER_LEFT")));
  EXPECT_THAT(EventTypes(result), Not(Contains("RECOVERING")));
}

}  // namespace
}  // namespace banyan::testing
