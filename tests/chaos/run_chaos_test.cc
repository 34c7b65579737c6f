// `banyan run --chaos`: what it hits, that the job comes to the same end, and that nothing is left behind.

#include <signal.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/jobs.h"
#include "tests/support/leftovers.h"
#include "tests/support/local_cluster.h"

namespace banyan::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

std::string Linear(int steps) {
  return LinearJob(steps, R"(  servers: {count: 2, chunk_bytes: 16384}
  evaluate: {every: 50 steps}
  checkpoint: {every: 20 steps}
)");
}

class RunChaosTest : public ::testing::Test {
 protected:
  RunChaosTest() : cluster_(MakeFolder(::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    WriteFile(cluster_.folder() + "/linear.yaml", Linear(600));
  }
  std::vector<std::string> Run(std::vector<std::string> flags) const {
    const std::vector<std::string> run = {"run",         cluster_.folder() + "/linear.yaml",
                                          "--threads",   "1",
                                          "--state-dir", cluster_.state_dir(),
                                          "--chaos",     "--chaos-every",
                                          "250ms"};
    flags.insert(flags.begin(), run.begin(), run.end());
    return flags;
  }

  LocalCluster cluster_;
};

TEST_F(RunChaosTest, EndsWithTheHashOfTheUndisturbedRun) {
  const CommandResult run = cluster_.Banyan(Run({"--chaos-seed", "5", "-o", "json"}));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Json result = Json::parse(run.LastLine());
  EXPECT_EQ(result["step"], 600);
  EXPECT_EQ(result["chaos"]["same"], true);
  EXPECT_EQ(result["chaos"]["undisturbed_state_hash"], result["state_hash"]);
  int acts = 0;
  for (const auto& [what, count] : result["chaos"]["acts"].items()) acts += count.get<int>();
  EXPECT_GT(acts, 2) << run.err;
  EXPECT_THAT(EventTypes(result), AllOf(Not(Contains("LEDGER_DIFFERS")), Contains("SUCCEEDED")));
  EXPECT_THAT(run.err, AllOf(HasSubstr("chaos with seed 5"), HasSubstr("the same, to the last bit")));
  EXPECT_EQ(ProcessesThatName(cluster_.state_dir()), std::vector<pid_t>());
}

TEST_F(RunChaosTest, WithOneServerTheJobGoesBackAndComesToTheSame) {
  const CommandResult run = cluster_.Banyan(Run({"--chaos-seed", "6", "--servers", "1"}));
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("the same, to the last bit"));
}

// Not even a process that stands still outlives a `run` that is killed.
TEST_F(RunChaosTest, KilledItLeavesNothing) {
  WriteFile(cluster_.folder() + "/linear.yaml", Linear(100'000));  // it does not come to its end
  const std::unique_ptr<Process> run = cluster_.Start(Run({"--chaos-seed", "2"}));
  ASSERT_TRUE(run->AwaitErr("chaos: stopping")) << run->err();
  const std::vector<pid_t> processes = ProcessesThatName(cluster_.state_dir());
  EXPECT_GE(processes.size(), 5);
  run->Signal(SIGKILL);
  EXPECT_EQ(StillThereAfter(processes, /*seconds=*/20), std::vector<pid_t>());
}

}  // namespace
}  // namespace banyan::testing
