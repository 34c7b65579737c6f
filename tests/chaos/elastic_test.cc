// Workers of real processes come, go, stand still and come back while a job trains, at steps drawn from a seed; the
// answer stays, to the last bit of every line.

#include <signal.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/disturbed_jobs.h"

namespace banyan::testing {
namespace {

using ::testing::Contains;
using ::testing::Not;
using Json = nlohmann::json;

// On a cluster of three workers; the jobs begin with two.
class ElasticTest : public DisturbedJobs<ElasticTest> {
 protected:
  static void SetUpTestSuite() {
    Begin({.folder = "elastic",
           .steps = 400,
           .run = R"(  workers: {min: 1, max: 2}
  servers: {count: 2, chunk_bytes: 16384}
  evaluate: {every: 50 steps}
  checkpoint: {every: 50 steps}
)",
           .workers = 3});
  }

  // Early, so that there is time for what follows. Nobody's leaving costs a step.
  template <typename Happens>
  static Json DisturbEarly(const Happens& happens) {
    const Json result = Disturb(happens, 100);
    EXPECT_EQ(result["counters"]["rollbacks"], 0);
    return result;
  }

  // Whether there was an event whose text holds `text`.
  static bool Happened(const Json& result, const std::string& type, const std::string& text) {
    const std::string job = result["job"]["id"];
    const Json description = Json::parse(cluster_->Banyan({"describe", job, "-o", "json"}).out);
    const Json& events = description["events"];
    return std::any_of(events.begin(), events.end(), [&](const Json& event) {
      return event["type"] == type && absl::StrContains(event.value("text", ""), text);
    });
  }
  // How the job lost a worker, each time, by the types of the events.
  static std::vector<std::string> EndsOf(const Json& result, const std::string& worker) {
    std::vector<std::string> ends;
    for (const Json& event : result["events"]) {
      const std::string type = event["type"];
      if (event["who"] == worker && (type == "WORKER_LEFT" || type == "WORKER_LOST")) ends.push_back(type);
    }
    return ends;
  }
  // The step of the first event of a type. Nothing: there is none.
  static std::optional<uint64_t> StepOf(const Json& result, const std::string& type) {
    for (const Json& event : result["events"]) {
      if (event["type"] == type) return event["step"].get<uint64_t>();
    }
    return std::nullopt;
  }
};

TEST_P(ElasticTest, AWorkerJoinsAndLeavesAgain) {
  const Json result = DisturbEarly([](const std::string& job) {
    const auto log = cluster_->Start({"logs", "-f", job});
    Expect({"scale", job, "--workers", "3"}, 0);
    EXPECT_TRUE(log->AwaitOut("over 3 workers"));
    Expect({"scale", job, "--workers", "1..1"}, 0);
  });
  EXPECT_TRUE(Happened(result, "ASSIGNMENT", "over 1 worker:")) << result["events"];
  EXPECT_THAT(EventTypes(result), Not(Contains("RECOVERING")));
  EXPECT_EQ(result["layout"]["workers"], 1);
}

// It says so, and goes when its leaves are others': nobody has to find out.
TEST_P(ElasticTest, AWorkerIsAskedToLeave) {
  std::string asked;
  const Json result = DisturbEarly([&](const std::string& job) {
    const auto workers = Workers(job);
    ASSERT_FALSE(workers.empty());
    asked = workers.begin()->first;
    cluster_->Kill(asked, SIGTERM);
  });
  const std::vector<std::string> ends = EndsOf(result, asked);
  ASSERT_FALSE(ends.empty()) << result["events"];
  EXPECT_EQ(ends.front(), "WORKER_LEFT") << result["events"];
  EXPECT_THAT(EventTypes(result), Not(Contains("RECOVERING")));
}

// It lives, its lease too, for a while; the job does not wait for that.
TEST_P(ElasticTest, AWorkerStandsStill) {
  pid_t still = 0;
  const Json result = DisturbEarly([&](const std::string& job) {
    still = Workers(job).begin()->second;
    ASSERT_EQ(kill(still, SIGSTOP), 0);
  });
  kill(still, SIGCONT);
  const std::optional<uint64_t> late = StepOf(result, "WORKER_LATE");
  ASSERT_TRUE(late.has_value()) << result["events"];
  EXPECT_GT(StepOf(result, "WORKER_LOST").value_or(400), *late) << "steps went on before the lease ended";
}

TEST_P(ElasticTest, AWorkerStandsStillForAMoment) {
  DisturbEarly([&](const std::string& job) {
    const pid_t still = Workers(job).rbegin()->second;
    ASSERT_EQ(kill(still, SIGSTOP), 0);
    EXPECT_TRUE(cluster_->AwaitStep(job, step_ + 40));
    kill(still, SIGCONT);
  });
}

TEST_P(ElasticTest, AllWorkersAreGoneAndComeBack) {
  const Json result = DisturbEarly([](const std::string& job) {
    const auto computing = Workers(job);
    for (const char* name : {"worker-0", "worker-1", "worker-2"}) cluster_->Kill(name);
    for (const auto& [name, worker] : computing) kill(worker, SIGKILL);
  });
  EXPECT_TRUE(Happened(result, "RECOVERING", "0 of at least 1 are left; waits 5m for more")) << result["events"];
}

INSTANTIATE_TEST_SUITE_P(Jobs, ElasticTest, ::testing::Values("linear", "gpt"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace banyan::testing
