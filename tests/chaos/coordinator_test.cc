// Real processes train on while there is no coordinator, or none that they reach; the answer stays, to the last bit of
// every line.

#include <signal.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/cable.h"
#include "tests/support/hand_cluster.h"
#include "tests/support/known_jobs.h"
#include "tests/support/local_cluster.h"

namespace banyan::testing {
namespace {

using ::testing::Contains;
using ::testing::Not;
using Json = nlohmann::json;

constexpr int kSteps = 320;
constexpr char kRun[] = R"(  servers: {count: 2, chunk_bytes: 16384}
  evaluate: {every: 100 steps}
  checkpoint: {every: 100 steps}
)";
// The default of --worker-lease, and some more.
constexpr absl::Duration kBeyondLeases = absl::Milliseconds(2500);

class CoordinatorTest : public ::testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() {
    cable_ = std::make_unique<Cable>();
    cluster_ = std::make_unique<HandCluster>(MakeFolder("coordinator"));
    cable_->Join(cluster_->Endpoint("coordinator"));
    jobs_ = std::make_unique<KnownJobs>(*cluster_, kSteps, kRun, /*seed=*/20261126);
    // People reach it without the cable.
    for (const char* name : {"server-0", "server-1", "worker-0", "worker-1"}) {
      cluster_->Start(name, {"--coordinator=" + cable_->endpoint()});
    }
  }
  static void TearDownTestSuite() {
    jobs_.reset();
    cluster_.reset();
    cable_.reset();
  }
  void TearDown() override { cable_->Mend(); }

  // Early, so that there are steps to go on with.
  static KnownJobs::Job Begin() { return jobs_->Begin(GetParam(), 5, 30); }

  // How many chunks of the job server-0 has updated, by its page.
  static double Updates(const KnownJobs::Job& job) {
    return cluster_->Metric("server-0", absl::StrCat("banyan_server_chunks_applied{job_id=\"", job.id, "\"}"));
  }
  // Waits until it shows so many, or more. Returns what it shows.
  static double AwaitUpdates(const KnownJobs::Job& job, double least) {
    const absl::Time deadline = absl::Now() + absl::Minutes(1);
    double updates = 0;
    while ((updates = Updates(job)) < least) {
      if (absl::Now() < deadline) continue;
      ADD_FAILURE() << job.name << ", since step " << job.step << ": " << updates << " updates, expected " << least;
      break;
    }
    return updates;
  }

  // Five at the least, since it is away.
  static void ExpectStepsToGoOn(const KnownJobs::Job& job) {
    // The page has what was last to be reported. What is newer is of the time without a coordinator.
    const double before = Updates(job);
    const double since = AwaitUpdates(job, before + 1);
    // Chunks are at most one step apart.
    AwaitUpdates(job, since + (5 + 1) * jobs_->ChunksAStep(job.name));
  }
  static void ExpectNoServerLost(const Json& result) {
    EXPECT_EQ(result["counters"].value("rollbacks", 0), 0) << result["events"];
    EXPECT_THAT(EventTypes(result), Not(Contains("SERVER_LOST"))) << result["events"];
  }

  static inline std::unique_ptr<Cable> cable_;
  static inline std::unique_ptr<HandCluster> cluster_;
  static inline std::unique_ptr<KnownJobs> jobs_;
};

TEST_P(CoordinatorTest, StepsGoOnWithoutIt) {
  const KnownJobs::Job job = Begin();
  cluster_->Kill("coordinator");
  ExpectStepsToGoOn(job);
  cluster_->Start("coordinator");
  ExpectNoServerLost(jobs_->ExpectTheAnswer(job));
}

// What it could not hear is nobody's silence.
TEST_P(CoordinatorTest, StandingStillForLongerThanLeasesItTakesNobodyForDead) {
  const KnownJobs::Job job = Begin();
  const absl::Time stopped = absl::Now();
  cluster_->process("coordinator").Signal(SIGSTOP);
  ExpectStepsToGoOn(job);
  while (absl::Now() - stopped < kBeyondLeases) Updates(job);
  cluster_->process("coordinator").Signal(SIGCONT);
  const Json result = jobs_->ExpectTheAnswer(job);
  ExpectNoServerLost(result);
  EXPECT_THAT(EventTypes(result), Not(Contains("WORKER_LOST"))) << result["events"];
}

// Leases of workers end, those of servers do not; then what both sides have said meanwhile comes late.
TEST_P(CoordinatorTest, StepsGoOnWhileItHearsNobody) {
  const KnownJobs::Job job = Begin();
  const auto log = cluster_->Begin({"logs", "-f", job.id});
  cable_->Silence();
  ExpectStepsToGoOn(job);
  EXPECT_TRUE(log->AwaitOut("WORKER_LOST"));
  cable_->Mend();
  ExpectNoServerLost(jobs_->ExpectTheAnswer(job));
}

// Streams end, and whoever is on the other side might be dead; so all go back, once they are heard again.
TEST_P(CoordinatorTest, StepsGoOnWhileNobodyReachesIt) {
  const KnownJobs::Job job = Begin();
  const auto log = cluster_->Begin({"logs", "-f", job.id});
  EXPECT_GE(cable_->Cut(), 4) << "each process has a session";
  EXPECT_TRUE(log->AwaitOut("SERVER_LOST"));
  ExpectStepsToGoOn(job);
  cable_->Mend();
  const Json result = jobs_->ExpectTheAnswer(job);
  EXPECT_GE(result["counters"].value("rollbacks", 0), 1) << result["events"];
}

INSTANTIATE_TEST_SUITE_P(Jobs, CoordinatorTest, ::testing::Values("linear", "gpt"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace banyan::testing
