// Real processes train on while there is no coordinator; the answer stays, to the last bit of every line.

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/hand_cluster.h"
#include "tests/support/known_jobs.h"
#include "tests/support/local_cluster.h"

namespace banyan::testing {
namespace {

using ::testing::Contains;
using ::testing::Not;
using Json = nlohmann::json;

constexpr int kSteps = 450;
constexpr char kRun[] = R"(  servers: {count: 2, chunk_bytes: 16384}
  evaluate: {every: 150 steps}
  checkpoint: {every: 150 steps}
)";

class CoordinatorTest : public ::testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() {
    cluster_ = std::make_unique<HandCluster>(MakeFolder("coordinator"));
    jobs_ = std::make_unique<KnownJobs>(*cluster_, kSteps, kRun, /*seed=*/20261126);
    for (const char* name : {"server-0", "server-1", "worker-0", "worker-1"}) cluster_->Start(name);
  }
  static void TearDownTestSuite() {
    jobs_.reset();
    cluster_.reset();
  }

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

  static inline std::unique_ptr<HandCluster> cluster_;
  static inline std::unique_ptr<KnownJobs> jobs_;
};

TEST_P(CoordinatorTest, StepsGoOnWithoutIt) {
  const KnownJobs::Job job = jobs_->Begin(GetParam(), 5, 100);
  cluster_->Kill("coordinator");
  // The page has what was last to be reported. What is newer is of the time without a coordinator.
  const double before = Updates(job);
  const double since = AwaitUpdates(job, before + 1);
  // Chunks are at most one step apart.
  AwaitUpdates(job, since + (5 + 1) * jobs_->ChunksAStep(job.name));
  cluster_->Start("coordinator");
  const Json result = jobs_->ExpectTheAnswer(job);
  EXPECT_EQ(result["counters"].value("rollbacks", 0), 0);
  EXPECT_THAT(EventTypes(result), Not(Contains("SERVER_LOST")));
}

INSTANTIATE_TEST_SUITE_P(Jobs, CoordinatorTest, ::testing::Values("linear", "gpt"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace banyan::testing
