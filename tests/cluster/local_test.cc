// `banyan local`: a cluster that stays, whose keeper starts again what ends, and which leaves nothing behind.

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/local_cluster.h"

namespace banyan::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using Json = nlohmann::json;

constexpr char kJob[] = R"(
version: 1
name: linear
recipe:
  model: linear
  data: {synthetic_regression: {features: 16, samples: 256, held_out: 0.1}}
  batch: {samples: 16, leaf: 4}
  until: {steps: 20}
  optimizer: {sgd: {learning_rate: 0.05}}
)";

class LocalTest : public ::testing::Test {
 protected:
  LocalTest() : cluster_(MakeFolder(::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    WriteFile(cluster_.folder() + "/job.yaml", kJob);
  }

  CommandResult Local(const std::string& action, std::vector<std::string> flags = {}) {
    flags.insert(flags.begin(), {"local", action, "--state-dir=" + cluster_.state_dir()});
    return cluster_.Banyan(flags);
  }

  std::vector<pid_t> Pids() {
    std::vector<pid_t> pids;
    for (const Json& process : Json::parse(ReadFile(cluster_.state_dir() + "/processes.json"))) {
      pids.push_back(process["pid"]);
    }
    return pids;
  }

  // It says who keeps it.
  pid_t Keeper() {
    const std::string told = Local("up").err;
    const std::vector<std::string> words = absl::StrSplit(told, ' ');
    pid_t keeper = 0;
    EXPECT_TRUE(words.size() > 3 && absl::SimpleAtoi(words[3], &keeper)) << told;
    return keeper;
  }

  // SIGKILL; returns when it has ended, also where nobody has waited for it.
  static void Kill(pid_t pid) {
    pollfd end = {.fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0)), .events = POLLIN, .revents = 0};
    ASSERT_GE(end.fd, 0);
    EXPECT_EQ(kill(pid, SIGKILL), 0);
    EXPECT_EQ(poll(&end, 1, /*timeout=*/60'000), 1);
    close(end.fd);
  }

  LocalCluster cluster_;
};

TEST_F(LocalTest, StaysUntilItIsTakenDown) {
  cluster_.Up(/*workers=*/2, /*servers=*/1);
  const CommandResult status = Local("status");
  EXPECT_EQ(status.exit_code, 0) << status.err;
  EXPECT_THAT(status.out, AllOf(HasSubstr("coordinator"), HasSubstr("server-0"), HasSubstr("worker-1")));
  const Json processes = Json::parse(Local("status", {"-o", "json"}).out);
  EXPECT_EQ(processes.size(), 4);
  const CommandResult again = Local("up");
  EXPECT_EQ(again.exit_code, 4);
  EXPECT_THAT(again.err, HasSubstr("keeps a cluster"));
  const CommandResult run = cluster_.Banyan({"run", cluster_.folder() + "/job.yaml", "--state-dir", cluster_.state_dir()});
  EXPECT_EQ(run.exit_code, 4) << run.err;
  const CommandResult submitted = cluster_.Banyan({"submit", cluster_.folder() + "/job.yaml"});
  EXPECT_EQ(submitted.exit_code, 0) << submitted.err;
  cluster_.Down();
  for (const Json& process : processes) EXPECT_NE(kill(process["pid"].get<pid_t>(), 0), 0) << process;
  EXPECT_EQ(Local("status").exit_code, 5);
  EXPECT_EQ(cluster_.Banyan({"jobs"}).exit_code, 5);
}

TEST_F(LocalTest, AllEndWithTheirKeeperAndTheStateIsThereForTheNext) {
  cluster_.Up(/*workers=*/1, /*servers=*/1);
  ASSERT_EQ(cluster_.Banyan({"submit", cluster_.folder() + "/job.yaml"}).exit_code, 0);
  const pid_t keeper = Keeper();
  ASSERT_GT(keeper, 0);
  const std::vector<pid_t> before = Pids();
  ASSERT_NO_FATAL_FAILURE(Kill(keeper));
  // What still drains is waited for.
  cluster_.Up(/*workers=*/1, /*servers=*/1);
  for (const pid_t pid : before) EXPECT_NE(kill(pid, 0), 0) << pid;
  EXPECT_EQ(cluster_.Banyan({"result", "linear"}).exit_code, 0);
}

TEST_F(LocalTest, StatusTellsOfAProcessThatIsGone) {
  cluster_.Up(/*workers=*/1, /*servers=*/1);
  const pid_t keeper = Keeper();
  ASSERT_GT(keeper, 0);
  // It would start it again.
  ASSERT_EQ(kill(keeper, SIGSTOP), 0);
  Kill(cluster_.Pid("worker-0"));
  const CommandResult text = Local("status");
  const CommandResult json = Local("status", {"-o", "json"});
  EXPECT_EQ(kill(keeper, SIGCONT), 0);
  EXPECT_EQ(text.exit_code, 6) << text.out;
  EXPECT_THAT(text.out, ContainsRegex("server-0 +runs"));
  EXPECT_THAT(text.out, ContainsRegex("worker-0 +gone"));
  EXPECT_EQ(json.exit_code, 6) << json.out;
  for (const Json& process : Json::parse(json.out)) EXPECT_EQ(process["runs"], process["role"] != "worker") << process;
}

TEST_F(LocalTest, SaysInJsonWhatRunsAndHowManyWereStopped) {
  const CommandResult up = Local("up", {"--workers=2", "--servers=1", "-o", "json"});
  ASSERT_EQ(up.exit_code, 0) << up.err;
  const Json processes = Json::parse(up.out);
  EXPECT_EQ(processes.size(), 4);
  for (const Json& process : processes) EXPECT_EQ(process["runs"], true) << process;
  EXPECT_EQ(Json::parse(Local("down", {"-o", "json"}).out)["stopped"], 4);
}

TEST_F(LocalTest, OneThatCannotStartLeavesNothing) {
  WriteFile(cluster_.folder() + "/file", "");
  const CommandResult blocked = cluster_.Banyan({"local", "up", "--state-dir=" + cluster_.folder() + "/file/x"});
  EXPECT_EQ(blocked.exit_code, 4) << blocked.err;
  EXPECT_THAT(blocked.err, HasSubstr("/file"));
  const CommandResult no_root = Local("up", {"--root=data=/no/such"});
  EXPECT_EQ(no_root.exit_code, 5) << no_root.err;
  EXPECT_THAT(no_root.err, HasSubstr("/no/such"));
  EXPECT_EQ(Local("status").exit_code, 5);
}

}  // namespace
}  // namespace banyan::testing
