// How processes end: within their time, and with nothing left of them, whatever ended them.

#include <signal.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/leftovers.h"
#include "tests/support/local_cluster.h"

namespace banyan::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::json;

constexpr char kJob[] = R"(
version: 1
name: linear
recipe:
  model: {linear: {outputs: 4}}
  data: {synthetic_regression: {features: 2000, targets: 4, samples: 500, held_out: 0.1}}
  batch: {samples: 52, leaf: 4}
  until: {steps: 100000}
  optimizer: {sgd: {learning_rate: 0.0001}}
run:
  servers: {count: 2}
  checkpoint: {every: 1000 steps}
)";

class LeavesNothingTest : public ::testing::Test {
 protected:
  LeavesNothingTest() : cluster_(MakeFolder(::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    WriteFile(cluster_.folder() + "/job.yaml", kJob);
  }

  // `banyan run` in the middle of its job.
  std::unique_ptr<Process> Run() {
    auto run = cluster_.Start({"run", cluster_.folder() + "/job.yaml", "--workers", "2", "--threads", "1",
                               "--state-dir", cluster_.state_dir()});
    EXPECT_TRUE(run->AwaitErr("RUNNING")) << run->err();
    Look();
    return run;
  }
  // Who is there now: for `run`, itself, the coordinator, two servers, and two workers of two processes each.
  void Look() {
    processes_ = ProcessesThatName(cluster_.state_dir());
    for (const Json& process : Json::parse(ReadFile(cluster_.state_dir() + "/processes.json"))) {
      for (const char* field : {"endpoint", "metrics"}) {
        if (process[field] != "") endpoints_.push_back(process[field]);
      }
    }
    EXPECT_GE(processes_.size(), 8);
    EXPECT_GE(endpoints_.size(), 6);
    for (const std::string& endpoint : endpoints_) EXPECT_TRUE(SomebodyListens(endpoint)) << endpoint;
  }
  void ExpectNothing(int seconds) {
    EXPECT_THAT(StillThereAfter(processes_, seconds), IsEmpty());
    EXPECT_THAT(ProcessesThatName(cluster_.state_dir()), IsEmpty()) << "came later";
    for (const std::string& endpoint : endpoints_) EXPECT_FALSE(SomebodyListens(endpoint)) << endpoint;
  }

  LocalCluster cluster_;
  std::vector<pid_t> processes_;
  std::vector<std::string> endpoints_;
};

TEST_F(LeavesNothingTest, RunThatIsAskedToEnd) {
  const std::unique_ptr<Process> run = Run();
  run->Signal(SIGTERM);
  const CommandResult end = run->Wait();
  EXPECT_EQ(end.exit_code, 8) << end.err;
  EXPECT_THAT(end.out, HasSubstr("STOPPED"));
  ExpectNothing(/*seconds=*/0);
}

TEST_F(LeavesNothingTest, RunThatIsAskedTwice) {
  const std::unique_ptr<Process> run = Run();
  run->Signal(SIGINT);
  run->Signal(SIGTERM);  // two of one kind may come as one
  EXPECT_NE(run->Wait().exit_code, 0);
  ExpectNothing(kDrainSeconds);
}

TEST_F(LeavesNothingTest, RunThatIsKilled) {
  const std::unique_ptr<Process> run = Run();
  run->Signal(SIGKILL);
  EXPECT_EQ(run->Wait().exit_code, 128 + SIGKILL);
  ExpectNothing(kDrainSeconds);
}

TEST_F(LeavesNothingTest, LocalDownInTheMiddleOfAJob) {
  cluster_.Up(/*workers=*/2, /*servers=*/2);
  ASSERT_TRUE(cluster_.AwaitStep(cluster_.Submit(cluster_.folder() + "/job.yaml"), 5));
  Look();
  cluster_.Down();
  ExpectNothing(/*seconds=*/0);
}

// Each drains alone, in the middle of a job, and is started again.
TEST_F(LeavesNothingTest, ADaemonDrainsInItsTime) {
  cluster_.Up(/*workers=*/2, /*servers=*/2);
  const std::string job = cluster_.Submit(cluster_.folder() + "/job.yaml");
  uint64_t step = 5;
  for (const char* name : {"worker-0", "server-1", "coordinator"}) {
    ASSERT_TRUE(cluster_.AwaitStep(job, step)) << name;
    const pid_t pid = cluster_.Pid(name);
    kill(pid, SIGTERM);
    EXPECT_THAT(StillThereAfter({pid}, kDrainSeconds), IsEmpty()) << name;
    step += 100;
  }
  EXPECT_TRUE(cluster_.AwaitStep(job, step)) << "it goes on";
  Look();
  cluster_.Down();
  ExpectNothing(/*seconds=*/0);
}

// A server without another to give its chunks to waits for one; the second signal ends that.
TEST_F(LeavesNothingTest, ASecondSignalEndsADrainAtOnce) {
  cluster_.Up(/*workers=*/1, /*servers=*/2);
  ASSERT_TRUE(cluster_.AwaitStep(cluster_.Submit(cluster_.folder() + "/job.yaml"), 5));
  for (const char* name : {"worker-0", "server-0", "server-1", "coordinator"}) {
    const pid_t pid = cluster_.Pid(name);
    kill(pid, SIGINT);
    kill(pid, SIGTERM);
    EXPECT_THAT(StillThereAfter({pid}, /*seconds=*/4), IsEmpty()) << name;
  }
  cluster_.Down();
  EXPECT_THAT(ProcessesThatName(cluster_.state_dir()), IsEmpty());
}

}  // namespace
}  // namespace banyan::testing
