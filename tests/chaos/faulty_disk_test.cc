// Real processes whose disk is full, or read-only, while a job trains, and well again later: said, the last good
// checkpoint stays, training goes on where it can, and the answer is the same to the last bit of every line.

#include <filesystem>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/faulty_disk.h"
#include "tests/support/hand_cluster.h"
#include "tests/support/jobs.h"
#include "tests/support/known_jobs.h"
#include "tests/support/local_cluster.h"

namespace banyan::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

constexpr char kRun[] = R"(  servers: {count: 2, chunk_bytes: 16384}
  evaluate: {every: 50 steps}
  checkpoint: {every: 15 steps}
)";

constexpr char kFull[] = "No space left on device";
constexpr char kReadOnly[] = "Read-only file system";

class FaultyDiskTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const std::string folder = std::filesystem::canonical(MakeFolder("faulty-disk"));
    disk_ = std::make_unique<FaultyDisk>(folder);
    cluster_ = std::make_unique<HandCluster>(folder, Process::Options{.environment = disk_->Environment()});
    jobs_ = std::make_unique<KnownJobs>(*cluster_, /*steps=*/150, kRun, /*seed=*/20261123);
    for (const char* name : {"server-0", "server-1", "worker-0", "worker-1"}) cluster_->Start(name);
  }
  static void TearDownTestSuite() {
    jobs_.reset();
    cluster_.reset();
    disk_.reset();
  }
  void TearDown() override { disk_->Mend(); }

  static KnownJobs::Job Begin(const std::string& name) { return jobs_->Begin(name, 15, 45); }
  static std::string FolderOf(const std::string& job) { return cluster_->StateOf("coordinator") + "/jobs/" + job; }
  // Not the checkpoints beside it: a job that comes to its end meanwhile must write its last one.
  static std::string Store() { return cluster_->StateOf("coordinator") + "/coordinator.sqlite"; }
  static void Break(const std::string& fault, const std::string& path) {
    if (fault == kFull) {
      disk_->Fill(path);
    } else {
      disk_->TurnReadOnly(path);
    }
  }
  static void AwaitEvent(const std::string& job, const std::string& type) {
    EXPECT_TRUE(cluster_->Begin({"logs", "-f", job})->AwaitOut(type)) << type;
  }

  static inline std::unique_ptr<FaultyDisk> disk_;
  static inline std::unique_ptr<HandCluster> cluster_;
  static inline std::unique_ptr<KnownJobs> jobs_;
};

// What is broken, how, and for which job.
class FaultyCheckpointsTest : public FaultyDiskTest,
                              public ::testing::WithParamInterface<std::tuple<const char*, const char*>> {
 protected:
  const std::string name_ = std::get<0>(GetParam());
  const std::string fault_ = std::get<1>(GetParam());
};

TEST_P(FaultyCheckpointsTest, TheJobGoesOnAndTheLastGoodOneIsUsed) {
  const KnownJobs::Job known = Begin(name_);
  const std::string job = known.id;
  Break(fault_, FolderOf(job));
  AwaitEvent(job, "CHECKPOINT_FAILED");
  // All go back to what was written before.
  cluster_->Kill("server-1");
  cluster_->Start("server-1");
  AwaitEvent(job, "term 2 from step");
  disk_->Mend();
  const Json result = jobs_->ExpectTheAnswer(known);
  EXPECT_GT(disk_->refused(), 0);
  EXPECT_THAT(EventTypes(result), Contains("SERVER_LOST"));
  EXPECT_EQ(result["counters"]["rollbacks"], 1);
  EXPECT_THAT(EventTypes(result), Not(Contains("CHECKPOINT_DAMAGED")));
  EXPECT_THAT(cluster_->Banyan({"describe", job}).out, AllOf(HasSubstr(FolderOf(job) + "/step-"), HasSubstr(fault_)));
  EXPECT_EQ(cluster_->Banyan({"checkpoints", job}).exit_code, 0);
  EXPECT_THAT(ReadFile(FolderOf(job) + "/log"), HasSubstr(" lines could not be written here"));
}

TEST_P(FaultyCheckpointsTest, AStopFailsAndIsResumed) {
  const KnownJobs::Job known = Begin(name_);
  const std::string job = known.id;
  Break(fault_, FolderOf(job));
  EXPECT_NE(cluster_->Banyan({"stop", job}).exit_code, 0);
  const CommandResult failed = cluster_->Banyan({"wait", job, "--timeout", "60s"});
  EXPECT_EQ(failed.exit_code, 1) << failed.err;
  EXPECT_THAT(failed.out, AllOf(HasSubstr("cannot be written: "), HasSubstr(FolderOf(job)), HasSubstr(fault_)));
  disk_->Mend();
  const CommandResult resumed = cluster_->Banyan({"resume", job, "--detach"});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  jobs_->ExpectTheAnswer(known);
}

INSTANTIATE_TEST_SUITE_P(Jobs, FaultyCheckpointsTest,
                         ::testing::Combine(::testing::Values("linear", "gpt"), ::testing::Values(kFull, kReadOnly)),
                         [](const auto& info) {
                           const bool full = std::string(std::get<1>(info.param)) == kFull;
                           return absl::StrCat(std::get<0>(info.param), full ? "_full" : "_read_only");
                         });

TEST_F(FaultyDiskTest, AFullStoreIsSaidAndWaitedFor) {
  const KnownJobs::Job job = Begin("gpt");
  disk_->Fill(Store());
  Process& coordinator = cluster_->process("coordinator");
  EXPECT_TRUE(coordinator.AwaitErr("deciding nothing until there is space, at the latest until "));
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"jobs"}, {"describe", job.id}, {"stop", job.id}}) {
    const CommandResult result = cluster_->Banyan(command);
    EXPECT_EQ(result.exit_code, 6) << command[0];
    EXPECT_THAT(result.err, AllOf(HasSubstr("coordinator.sqlite': database or disk is full"), HasSubstr(kFull),
                                  HasSubstr("; deciding nothing until there is space")))
        << command[0];
  }
  disk_->Mend();
  EXPECT_TRUE(coordinator.AwaitErr("there is space again"));
  jobs_->ExpectTheAnswer(job);
}

TEST_F(FaultyDiskTest, WhatAFullStoreCouldNotKeepNobodyHasHeardOf) {
  const KnownJobs::Job job = Begin("linear");
  disk_->Fill(Store());
  EXPECT_TRUE(cluster_->process("coordinator").AwaitErr("deciding nothing until there is space"));
  cluster_->Kill("coordinator");
  cluster_->Kill("server-0");
  disk_->Mend();
  for (const char* name : {"coordinator", "server-0"}) cluster_->Start(name);
  jobs_->ExpectTheAnswer(job);
}

TEST_F(FaultyDiskTest, ACoordinatorOfAReadOnlyStoreEndsAndSaysWhy) {
  const KnownJobs::Job job = Begin("gpt");
  disk_->TurnReadOnly(Store());
  const auto says = AllOf(HasSubstr(Store()), HasSubstr(kReadOnly));
  CommandResult end = cluster_->AwaitEnd("coordinator");
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_THAT(end.err, says);
  cluster_->Launch("coordinator");
  end = cluster_->AwaitEnd("coordinator");
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_THAT(end.err, says);
  disk_->Mend();
  cluster_->Start("coordinator");
  jobs_->ExpectTheAnswer(job);
}

TEST_F(FaultyDiskTest, AWorkerThatCannotKeepItsIndexKeepsItInMemory) {
  const std::string text = cluster_->folder() + "/another-text";
  WriteFile(text, SomeText() + "and the last line\n");
  const std::vector<std::string> submit = {"submit", cluster_->folder() + "/gpt.yaml", "--set",
                                           "recipe.data.text.path=data:another-text", "--set",
                                           "recipe.until.steps=20", "-o", "json"};
  disk_->Fill(cluster_->StateOf("worker-0") + "/index");
  const Json without = Json::parse(cluster_->Banyan(submit).LastLine());
  EXPECT_EQ(without["state"], "SUCCEEDED");
  EXPECT_GT(disk_->refused(), 0);
  EXPECT_THAT(cluster_->Banyan({"logs", "@last"}).out,
              AllOf(HasSubstr("index of 'data:another-text': "), HasSubstr(kFull), HasSubstr(" bytes are kept in memory")));
  disk_->Mend();
  EXPECT_EQ(Answer(Json::parse(cluster_->Banyan(submit).LastLine())), Answer(without));
}

TEST_F(FaultyDiskTest, LogsThatCannotBeWrittenCostNothingElse) {
  HandCluster cluster(MakeFolder("full-log"), {.err_file = "/dev/full"});
  for (const char* name : {"server-0", "server-1", "worker-0"}) cluster.Start(name);
  const CommandResult run =
      cluster.Banyan({"submit", cluster_->folder() + "/linear.yaml", "--set", "recipe.until.steps=20"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("SUCCEEDED at step 20"));
}

}  // namespace
}  // namespace banyan::testing
