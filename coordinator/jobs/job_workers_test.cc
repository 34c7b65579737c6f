#include <map>
#include <string>
#include <vector>

#include "coordinator/jobs/job_fixture.h"
#include "coordinator/jobs/job_machine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Who computes what while a job runs: JobMachine's part about workers.
namespace banyan::coordinator {
namespace {

using enum JobState;
using testing::ElementsAre;
using testing::HasSubstr;

// One server; the job's steps have 8 leaves. Workers have their numbers as ids, 11 and on.
class JobWorkersTest : public testing::Test {
 protected:
  void Make(const std::string& run, std::vector<uint64_t> workers, std::vector<uint32_t> leaf_plan = {}) {
    JobRecord record = {.id = "j1", .number = 1, .job = MakeJob("servers { count: 1 } " + run)};
    record.leaf_plan = std::move(leaf_plan);
    job_ = std::make_unique<JobMachine>(std::move(record), JobMachine::Options{.checkpoint_directory = "/jobs/j1"}, 0,
                                        effects_, now_);
    job_->AddServer(Process(Role::kServer, 1), now_);
    for (const uint64_t worker : workers) Join(worker);
    job_->Proceed(now_);
    job_->OnReport(Role::kWorker, workers.front(), {.data = kData}, 0, now_);
    StepIs(1);
    ASSERT_EQ(state(), kRunning);
    for (const uint64_t worker : workers) Report(worker);
  }
  static Members::Member Process(Role role, uint64_t id) {
    return {.id = id,
            .introduction = {.role = role,
                             .name = (role == Role::kServer ? "server-" : "worker-") + std::to_string(id),
                             .incarnation = Incarnation(1),
                             .device_kind = kDeviceKind},
            .alive = true};
  }
  void Join(uint64_t worker) {
    job_->AddWorker(Process(Role::kWorker, worker), now_);
    job_->Proceed(now_);
  }
  void Lose(uint64_t worker) {
    job_->RemoveWorker(WorkerId(worker), /*lost=*/true, now_);
    job_->Proceed(now_);
  }
  // The server's word: the open step, and which of its leaves are missing.
  void StepIs(Step step, LeafRange missing = {0, 8}) {
    LeafSet leaves(8);
    leaves.Add(missing);
    job_->OnReport(Role::kServer, 1, {.term = 1, .ready = true, .open = {{.step = step, .missing = leaves}}}, 0, now_);
  }
  // A worker's, which knows the newest assignment.
  void Report(uint64_t worker, double leaf_seconds = 0, uint64_t leaves = 0) {
    job_->OnReport(Role::kWorker, worker,
                   {.term = 1,
                    .assignment_version = job_->assignment().has_value() ? job_->assignment()->version : 0,
                    .ready = true,
                    .seconds_per_leaf = leaf_seconds,
                    .counters = {{"leaves_computed", leaves}}},
                   0, now_);
  }
  void ReportAll(const std::map<uint64_t, double>& leaf_seconds) {
    for (const auto& [worker, seconds] : leaf_seconds) Report(worker, seconds, ++computed_);
  }
  // They report all the while.
  void Pass(absl::Duration duration, const std::map<uint64_t, double>& leaf_seconds) {
    for (absl::Duration passed; passed < duration; passed += absl::Milliseconds(200)) {
      now_.monotonic += absl::Milliseconds(200);
      ReportAll(leaf_seconds);
    }
  }
  // Leaves of each worker by the newest assignment, in order of their ids.
  std::vector<uint32_t> Shares() const {
    std::vector<uint32_t> shares;
    std::vector<Node> all;
    for (const Assignment::Share& share : job_->assignment()->shares) {
      shares.push_back(0);
      for (const Node& node : share.nodes) shares.back() += Tree(8).Leaves(node).size();
      all.insert(all.end(), share.nodes.begin(), share.nodes.end());
    }
    EXPECT_TRUE(Tree(8).IsPartition(all));
    return shares;
  }
  uint64_t version() const { return job_->assignment()->version; }
  Step from_step() const { return job_->assignment()->from_step; }
  JobState state() const { return job_->record().state; }
  void Wait(absl::Duration duration) {
    for (absl::Duration passed; passed < duration; passed += absl::Milliseconds(100)) {
      now_.monotonic += absl::Milliseconds(100);
      job_->OnTick(false, now_);
    }
  }

  FakeEffects effects_;
  JobMachine::Now now_ = {.monotonic = absl::ZeroDuration(), .wall = absl::UnixEpoch() + absl::Hours(1)};
  std::unique_ptr<JobMachine> job_;
  uint64_t computed_ = 0;
};

TEST_F(JobWorkersTest, ALostWorkersLeavesMoveInTheOpenStepAndThenThereIsAPlan) {
  Make("workers { min: 1 }", {11, 12, 13, 14});
  EXPECT_THAT(Shares(), ElementsAre(2, 2, 2, 2));
  StepIs(5);
  Lose(14);
  EXPECT_EQ(state(), kRunning);
  EXPECT_EQ(from_step(), 1) << "whatever step is open: a chunk of a server just promoted may be behind";
  EXPECT_THAT(Shares(), ElementsAre(3, 3, 2)) << "halved for the others, who keep what they have";
  const uint64_t moved = version();
  for (const uint64_t worker : {11, 12, 13}) Report(worker);
  EXPECT_EQ(version(), moved) << "that is as good a plan as any";
  EXPECT_EQ(effects_.CountEvents("WORKER_LOST"), 1);
}

TEST_F(JobWorkersTest, WhatIsCoveredStaysWhereItIs) {
  Make("workers { min: 1 }", {11, 12});
  StepIs(5, {6, 8});
  Lose(12);
  EXPECT_THAT(Shares(), ElementsAre(8));
}

TEST_F(JobWorkersTest, ANewWorkerHasLeavesWhenItHoldsTheWeights) {
  Make("workers { min: 1 }", {11, 12});
  const uint64_t before = version();
  Join(13);
  StepIs(3);
  EXPECT_EQ(version(), before) << "it loads the data yet";
  Report(13);
  EXPECT_EQ(version(), before + 1);
  EXPECT_EQ(from_step(), 5);
  EXPECT_EQ(Shares().size(), 3);
}

TEST_F(JobWorkersTest, APlanWaitsUntilTheOneBeforeIsInForceAndKnown) {
  Make("workers { min: 1 }", {11, 12});
  StepIs(3);
  Join(13);
  Report(13);
  const uint64_t planned = version();
  Join(14);
  Report(14);
  StepIs(4);
  EXPECT_EQ(version(), planned) << "from step 5 on";
  StepIs(5);
  EXPECT_EQ(version(), planned) << "11 and 12 have not heard of it: they could not any more";
  Report(11);
  Report(12);
  Report(13);
  EXPECT_EQ(version(), planned + 1);
  EXPECT_EQ(from_step(), 7);
}

TEST_F(JobWorkersTest, SharesFollowMeasuredSpeeds) {
  Make("workers { min: 1 }", {11, 12});
  EXPECT_THAT(Shares(), ElementsAre(4, 4));
  StepIs(4);
  ReportAll({{11, 0.1}, {12, 0.3}});
  EXPECT_THAT(Shares(), ElementsAre(4, 4)) << "not at once";
  Pass(absl::Seconds(2), {{11, 0.1}, {12, 0.3}});
  EXPECT_THAT(Shares(), ElementsAre(6, 2));
  EXPECT_EQ(from_step(), 6);
  // As quick as the other after all.
  StepIs(6);
  Pass(absl::Seconds(4), {{11, 0.1}, {12, 0.1}});
  EXPECT_THAT(Shares(), ElementsAre(4, 4));
}

TEST_F(JobWorkersTest, ASmallGainIsNoneAndNobodyUnmeasuredIsJudged) {
  Make("workers { min: 1 }", {11, 12});
  const uint64_t before = version();
  StepIs(4);
  Pass(absl::Seconds(10), {{11, 0.1}, {12, 0}});
  EXPECT_EQ(version(), before);
  Pass(absl::Seconds(10), {{11, 0.1}, {12, 0.11}});
  EXPECT_EQ(version(), before);
}

TEST_F(JobWorkersTest, PlansForSpeedAloneGetRarer) {
  Make("workers { min: 1 }", {11, 12});
  const uint64_t before = version();
  Step step = 4;
  for (int second = 0; second < 300; ++second) {
    StepIs(step += 2);
    Pass(absl::Seconds(1), {{11, second / 3 % 2 == 0 ? 0.1 : 0.3}, {12, second / 3 % 2 == 0 ? 0.3 : 0.1}});
  }
  EXPECT_LE(version(), before + 12);
  EXPECT_GE(version(), before + 4);
}

TEST_F(JobWorkersTest, AWorkerWithoutLeavesIsTriedAgain) {
  Make("workers { min: 1 }", {11, 12});
  Step step = 4;
  const auto pass = [&](int seconds, uint64_t idle_leaves) {
    for (int i = 0; i < 2 * seconds; ++i) {
      now_.monotonic += absl::Milliseconds(500);
      Report(11, 0.01, ++computed_);
      Report(12, 1, idle_leaves);
      StepIs(++step);
    }
  };
  pass(4, 7);
  EXPECT_THAT(Shares(), ElementsAre(8, 0));
  pass(300, 7);
  EXPECT_GT(Shares()[1], 0);
}

TEST_F(JobWorkersTest, ALeafPlanHoldsUntilSomebodyComesOrGoes) {
  Make("workers { min: 1 }", {11, 12}, {7, 1});
  StepIs(4);
  Pass(absl::Seconds(10), {{11, 0.1}, {12, 0.1}});
  EXPECT_THAT(Shares(), ElementsAre(7, 1));
  Join(13);
  ReportAll({{11, 0.1}, {12, 0.1}, {13, 0.1}});
  EXPECT_THAT(Shares(), testing::Each(testing::Le(3)));
}

TEST_F(JobWorkersTest, TooFewWorkersWaitAndSayForHowLong) {
  Make("workers { min: 1 wait { seconds: 90 } }", {11});
  Lose(11);
  EXPECT_EQ(state(), kRecovering);
  EXPECT_EQ(job_->record().reason,
            "worker worker-11 was lost; 0 of at least 1 are left; waits 1m30s for more (run.workers.wait)");
  Wait(absl::Seconds(80));
  EXPECT_EQ(state(), kRecovering);
  Wait(absl::Seconds(20));
  EXPECT_EQ(state(), kFailed);
  EXPECT_THAT(job_->record().reason, HasSubstr("waited 1m30s for 1 workers and has 0"));
}

// ---- Scaling.

TEST_F(JobWorkersTest, WorkersBeyondTheMostGoAfterTheStep) {
  Make("workers { min: 1 }", {11, 12, 13});
  StepIs(4);
  ASSERT_TRUE(job_->ScaleWorkers(1, 2, now_).ok());
  EXPECT_EQ(effects_.records["j1"].job.run().workers().max(), 2) << "durable";
  job_->Proceed(now_);
  EXPECT_EQ(from_step(), 6);
  EXPECT_EQ(Shares().size(), 2);
  StepIs(5);
  EXPECT_TRUE(job_->Has(Role::kWorker, 13)) << "it computes yet";
  StepIs(6);
  EXPECT_FALSE(job_->Has(Role::kWorker, 13));
  EXPECT_EQ(effects_.CountEvents("WORKER_LEFT"), 1);
  EXPECT_EQ(state(), kRunning);
  EXPECT_EQ(from_step(), 1) << "should a step be open in which it had leaves";
  EXPECT_EQ(job_->workers_wanted(), 0);
  ASSERT_TRUE(job_->ScaleWorkers(2, 4, now_).ok());
  EXPECT_EQ(job_->workers_wanted(), 2);
}

TEST_F(JobWorkersTest, MoreThanThereAreAreWaitedFor) {
  Make("workers { min: 1 }", {11});
  ASSERT_TRUE(job_->ScaleWorkers(2, 3, now_).ok());
  EXPECT_EQ(state(), kRecovering);
  EXPECT_THAT(job_->record().reason, HasSubstr("more workers were asked for; 1 of at least 2 are left"));
  Join(12);
  EXPECT_EQ(state(), kRunning);
}

// ---- Stragglers.

TEST_F(JobWorkersTest, OthersComputeWhatASilentWorkerOwes) {
  Make("workers { min: 1 }", {11, 12});
  StepIs(4, {2, 4});  // 11 has done half of its own, 12 all
  Wait(absl::Milliseconds(400));
  Report(12);
  Wait(absl::Milliseconds(400));
  EXPECT_EQ(effects_.CountEvents("WORKER_LATE"), 1);
  EXPECT_EQ(from_step(), 1);
  EXPECT_THAT(Shares(), ElementsAre(2, 6));
  // The next step lacks the rest.
  StepIs(5, {0, 2});
  Wait(absl::Milliseconds(100));
  EXPECT_THAT(Shares(), ElementsAre(0, 8));
  EXPECT_TRUE(job_->Has(Role::kWorker, 11)) << "its lease lives";
  // Wrongly suspected: it is admitted again, and nobody waits for it until then.
  Report(12);
  EXPECT_THAT(Shares(), ElementsAre(8));
  StepIs(9);
  Report(12);
  Report(11);
  EXPECT_EQ(from_step(), 11);
  EXPECT_THAT(Shares(), ElementsAre(4, 4));
  EXPECT_EQ(effects_.CountEvents("WORKER_LATE"), 1);
}

TEST_F(JobWorkersTest, OthersComputeWhatALateWorkerOwesUntilItFinishesALeaf) {
  Make("workers { min: 1 }", {11, 12});
  const auto beat = [&](Step step, LeafRange missing, uint64_t late_leaves) {
    Wait(absl::Milliseconds(100));
    StepIs(step, missing);
    Report(11, 0.01, late_leaves);
    Report(12, 0.01, ++computed_);
  };
  for (Step step = 1; step < 10; ++step) beat(step, {0, 8}, step);
  for (int i = 0; i < 10; ++i) beat(10, {0, 4}, 10);
  EXPECT_EQ(effects_.CountEvents("WORKER_LATE"), 1);
  EXPECT_EQ(Shares().back(), 8);
  for (Step step = 11; step < 20; ++step) beat(step, {0, 8}, 10);
  EXPECT_EQ(Shares().back(), 8) << "it reports, but has not finished a leaf";
  for (Step step = 20; step < 24; ++step) beat(step, {0, 8}, 11);
  EXPECT_THAT(Shares(), ElementsAre(4, 4));
}

TEST_F(JobWorkersTest, NobodyIsLateWhenAllAre) {
  Make("workers { min: 1 }", {11, 12});
  for (Step step = 1; step < 10; ++step) {
    Wait(absl::Milliseconds(100));
    StepIs(step);
    ReportAll({{11, 0.01}, {12, 0.01}});
  }
  for (int i = 0; i < 50; ++i) {
    Wait(absl::Milliseconds(100));
    StepIs(10);
    Report(11, 0.01, 100);
    Report(12, 0.01, 100);
  }
  EXPECT_EQ(effects_.CountEvents("WORKER_LATE"), 0);
}

// ---- The audit.

TEST_F(JobWorkersTest, ALeafThatTwoWorkersComputeDifferentlyFailsTheJob) {
  Make("workers { min: 1 } audit: 0.5", {11, 12});
  const size_t fingerprints = job_->plan()->layout.positions().size() + 1;
  JobReport report = {.term = 1, .audits = {{.term = 1, .step = 3, .leaf = 5}}};
  report.audits[0].fingerprints.assign(fingerprints, 7);
  job_->OnReport(Role::kWorker, 11, report, 0, now_);
  job_->OnReport(Role::kWorker, 12, report, 0, now_);
  EXPECT_EQ(state(), kRunning);
  EXPECT_EQ(job_->Counters()["audits_compared"], 1);
  report.audits[0].fingerprints[0] = 8;
  report.audits[0].term = 0;
  job_->OnReport(Role::kWorker, 12, report, 0, now_);
  EXPECT_EQ(state(), kRunning) << "of another term";
  report.audits[0].term = 1;
  job_->OnReport(Role::kWorker, 12, report, 0, now_);
  EXPECT_EQ(state(), kFailed);
  const std::string& parameter =
      job_->plan()->graph.parameter(job_->plan()->layout.chunk(ChunkId(0)).segments[0].parameter).name;
  EXPECT_THAT(job_->record().reason,
              HasSubstr("audit: leaf 5 of step 3 was computed by worker-11 and by worker-12, and differs in chunk 0 (" +
                        parameter));
  EXPECT_EQ(effects_.CountEvents("AUDIT_DIFFERS"), 1);
}

TEST_F(JobWorkersTest, AnAuditWithOneWorkerSaysSo) {
  Make("workers { min: 1 } audit: 0.5", {11, 12});
  EXPECT_EQ(effects_.CountEvents("AUDIT_IDLE"), 0);
  Lose(12);
  EXPECT_EQ(effects_.CountEvents("AUDIT_IDLE"), 1);
}

}  // namespace
}  // namespace banyan::coordinator
