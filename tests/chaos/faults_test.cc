// Real processes are killed and jobs stopped at steps drawn from a seed; the answer stays, to the last bit of every line.

#include <signal.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

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

constexpr int kSteps = 150;

std::string Linear() {
  return LinearJob(150, R"(  servers: {count: 2, chunk_bytes: 16384}
  evaluate: {every: 15 steps}
  checkpoint: {every: 15 steps}
)");
}

std::string Gpt() {
  return GptJob(150, R"(  servers: {count: 2, chunk_bytes: 16384}
  evaluate: {every: 15 steps, samples: 3, at_end: all}
  checkpoint: {every: 15 steps}
)");
}

std::string FirstDifference(const std::vector<std::string>& lines, const std::vector<std::string>& expected) {
  for (size_t i = 0; i < std::max(lines.size(), expected.size()); ++i) {
    const std::string line = i < lines.size() ? lines[i] : "nothing";
    const std::string other = i < expected.size() ? expected[i] : "nothing";
    if (line != other) return absl::StrCat("line ", i + 1, " is\n", line, "\nand not\n", other);
  }
  return "";
}

// The jobs, all on one cluster.
class FaultsTest : public ::testing::TestWithParam<const char*> {
 protected:
  struct Reference {
    std::string answer;
    std::vector<std::string> lines;
  };

  static void SetUpTestSuite() {
    const std::string folder = MakeFolder("faults");
    WriteFile(folder + "/text", SomeText());
    WriteFile(folder + "/linear.yaml", Linear());
    WriteFile(folder + "/gpt.yaml", Gpt());
    cluster_ = std::make_unique<LocalCluster>(folder);
    cluster_->Up(/*workers=*/2, /*servers=*/2);
  }
  static void TearDownTestSuite() { cluster_.reset(); }

  // Both workers are there when it begins, as the plan wants; it goes on with one.
  static std::string Submit() {
    return cluster_->Submit(absl::StrCat(cluster_->folder(), "/", GetParam(), ".yaml"), {"--leaf-plan", "7,6"});
  }

  static void Expect(const std::vector<std::string>& command, int exit_code) {
    const CommandResult result = cluster_->Banyan(command);
    EXPECT_EQ(result.exit_code, exit_code) << command[0] << "\n" << result.err;
  }

  // What the job gives when nothing happens to it.
  static const Reference& Undisturbed() {
    Reference& reference = references_[GetParam()];
    if (reference.lines.empty()) {
      const std::string job = Submit();
      reference.answer = Answer(cluster_->Result(job));
      reference.lines = cluster_->Lines(job);
    }
    return reference;
  }

  // A job to which `happens` at a step of the first two thirds. Returns its result.
  template <typename Happens>
  Json Disturb(const Happens& happens) {
    const Reference& reference = Undisturbed();
    EXPECT_EQ(reference.lines.size(), kSteps);
    const std::string job = Submit();
    const uint64_t step = std::uniform_int_distribution<uint64_t>(2, 2 * kSteps / 3)(random_);
    const std::string trace = absl::StrCat("at step ", step, " of ", GetParam());
    EXPECT_TRUE(cluster_->AwaitStep(job, step)) << trace;
    happens(job);
    const Json result = cluster_->Result(job);
    EXPECT_EQ(Answer(result), reference.answer) << trace;
    EXPECT_EQ(FirstDifference(cluster_->Lines(job), reference.lines), "") << trace;
    EXPECT_THAT(EventTypes(result), Not(Contains("LEDGER_DIFFERS"))) << trace;
    return result;
  }

  static inline std::unique_ptr<LocalCluster> cluster_;
  static inline std::map<std::string, Reference> references_;
  static inline std::mt19937 random_{20261121};
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
    const Json description = Json::parse(cluster_->Banyan({"describe", job, "-o", "json"}).out);
    for (const Json& process : description["processes"]) {
      if (process["name"] == "worker-1") kill(std::stoi(process["pid"].get<std::string>()), SIGKILL);
    }
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

INSTANTIATE_TEST_SUITE_P(Jobs, FaultsTest, ::testing::Values("linear", "gpt"),
                         [](const auto& info) { return std::string(info.param); });

// `banyan run --workers 2` goes on with one: the worker that comes back is welcome, not needed.
TEST(RunTest, ALostWorkerDoesNotHoldTheJobUp) {
  LocalCluster cluster(MakeFolder("run-worker"));
  WriteFile(cluster.folder() + "/linear.yaml", Linear());
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
