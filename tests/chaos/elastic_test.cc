// Workers of real processes come, go, stand still and come back while a job trains; the answer stays, to the last bit of
// every line.

#include <signal.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/jobs.h"
#include "tests/support/local_cluster.h"

namespace banyan::testing {
namespace {

using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::Not;
using Json = nlohmann::json;

std::string Linear() {
  return LinearJob(400, R"(  workers: {min: 1, max: 2}
  servers: {count: 2, chunk_bytes: 16384}
  evaluate: {every: 50 steps}
  checkpoint: {every: 50 steps}
)");
}

std::string Gpt() {
  return GptJob(400, R"(  workers: {min: 1, max: 2}
  servers: {count: 2, chunk_bytes: 16384}
  evaluate: {every: 50 steps, samples: 3, at_end: all}
  checkpoint: {every: 50 steps}
)");
}

// The jobs, all on one cluster of three workers; they begin with two.
class ElasticTest : public ::testing::TestWithParam<const char*> {
 protected:
  struct Reference {
    std::string answer;
    std::vector<std::string> lines;
  };

  static void SetUpTestSuite() {
    const std::string folder = MakeFolder("elastic");
    WriteFile(folder + "/text", SomeText());
    WriteFile(folder + "/linear.yaml", Linear());
    WriteFile(folder + "/gpt.yaml", Gpt());
    cluster_ = std::make_unique<LocalCluster>(folder);
    cluster_->Up(/*workers=*/3, /*servers=*/2);
  }
  static void TearDownTestSuite() { cluster_.reset(); }

  // Both workers are there when it begins, as the plan wants.
  static std::string Submit(const std::vector<std::string>& flags) {
    return cluster_->Submit(absl::StrCat(cluster_->folder(), "/", GetParam(), ".yaml"), flags);
  }

  static const Reference& Undisturbed() {
    Reference& reference = references_[GetParam()];
    if (reference.lines.empty()) {
      const std::string job = Submit({"--leaf-plan", "7,6"});
      reference.answer = Answer(cluster_->Result(job));
      reference.lines = cluster_->Lines(job);
    }
    return reference;
  }

  // A job to which `happens` at its 40th step. Returns its result.
  template <typename Happens>
  Json Disturb(const Happens& happens) {
    const Reference& reference = Undisturbed();
    EXPECT_EQ(reference.lines.size(), 400);
    const std::string job = Submit({"--leaf-plan", "7,6"});
    EXPECT_TRUE(cluster_->AwaitStep(job, 40));
    happens(job);
    const Json result = cluster_->Result(job);
    EXPECT_EQ(Answer(result), reference.answer);
    EXPECT_TRUE(cluster_->Lines(job) == reference.lines) << "lines differ";
    EXPECT_EQ(result["counters"]["rollbacks"], 0);
    EXPECT_THAT(EventTypes(result), Not(Contains("LEDGER_DIFFERS")));
    return result;
  }

  static void Expect(const std::vector<std::string>& command, int exit_code) {
    const CommandResult result = cluster_->Banyan(command);
    EXPECT_EQ(result.exit_code, exit_code) << command[0] << "\n" << result.err;
  }

  // The processes that compute for the job, not those that watch over them, by name.
  static std::map<std::string, pid_t> Workers(const std::string& job) {
    std::map<std::string, pid_t> pids;
    const Json description = Json::parse(cluster_->Banyan({"describe", job, "-o", "json"}).out);
    for (const Json& process : description["processes"]) {
      if (absl::StartsWith(process["name"].get<std::string>(), "worker-")) {
        pids[process["name"]] = std::stoi(process["pid"].get<std::string>());
      }
    }
    return pids;
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
  // The step of the first event of a type. Nothing: there is none.
  static std::optional<uint64_t> StepOf(const Json& result, const std::string& type) {
    for (const Json& event : result["events"]) {
      if (event["type"] == type) return event["step"].get<uint64_t>();
    }
    return std::nullopt;
  }

  static inline std::unique_ptr<LocalCluster> cluster_;
  static inline std::map<std::string, Reference> references_;
};

TEST_P(ElasticTest, AWorkerJoinsAndLeavesAgain) {
  const Json result = Disturb([](const std::string& job) {
    Expect({"scale", job, "--workers", "3"}, 0);
    EXPECT_TRUE(cluster_->AwaitStep(job, 200));
    Expect({"scale", job, "--workers", "1..1"}, 0);
  });
  EXPECT_TRUE(Happened(result, "ASSIGNMENT", "over 3 workers")) << result["events"];
  EXPECT_TRUE(Happened(result, "ASSIGNMENT", "over 1 worker:")) << result["events"];
  EXPECT_THAT(EventTypes(result), Not(Contains("RECOVERING")));
  EXPECT_EQ(result["layout"]["workers"], 1);
}

TEST_P(ElasticTest, AWorkerIsAskedToLeave) {
  const Json result = Disturb([](const std::string& job) {
    const auto workers = Workers(job);
    ASSERT_FALSE(workers.empty());
    cluster_->Kill(workers.begin()->first, SIGTERM);
  });
  EXPECT_THAT(EventTypes(result), Contains(AnyOf("WORKER_LEFT", "WORKER_LOST")));
  EXPECT_THAT(EventTypes(result), Not(Contains("RECOVERING")));
}

// It lives, its lease too, for a while; the job does not wait for that.
TEST_P(ElasticTest, AWorkerStandsStill) {
  pid_t still = 0;
  const Json result = Disturb([&](const std::string& job) {
    still = Workers(job).begin()->second;
    ASSERT_EQ(kill(still, SIGSTOP), 0);
  });
  kill(still, SIGCONT);
  const std::optional<uint64_t> late = StepOf(result, "WORKER_LATE");
  ASSERT_TRUE(late.has_value()) << result["events"];
  EXPECT_GT(StepOf(result, "WORKER_LOST").value_or(400), *late) << "steps went on before the lease ended";
}

TEST_P(ElasticTest, AWorkerStandsStillForAMoment) {
  Disturb([&](const std::string& job) {
    const pid_t still = Workers(job).rbegin()->second;
    ASSERT_EQ(kill(still, SIGSTOP), 0);
    EXPECT_TRUE(cluster_->AwaitStep(job, 80));
    kill(still, SIGCONT);
  });
}

TEST_P(ElasticTest, AllWorkersAreGoneAndComeBack) {
  const Json result = Disturb([](const std::string& job) {
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
