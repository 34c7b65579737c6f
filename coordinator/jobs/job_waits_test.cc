#include "coordinator/jobs/job_machine_fixture.h"
#include "gmock/gmock.h"

namespace banyan::coordinator {
namespace {

using enum JobState;
using testing::AllOf;
using testing::HasSubstr;

class JobWaitsTest : public JobMachineTest {
 protected:
  void Go(absl::Duration duration) {
    now_.monotonic += duration;
    now_.wall += duration;
    job_->OnTick(/*busy_elsewhere=*/false, now_);
  }
  // With several chunks, so that both servers have some.
  void StartWide() {
    Make(MakeJob("servers { count: 2 chunk_bytes: 16384 } workers { min: 2 }"));
    AddServers();
    AddWorkers();
    DataFacts data = kData;
    data.features = 20'000;
    job_->OnReport(Role::kWorker, 11, {.data = data}, 0, now_);
    Report(1, {});
    Report(2, {});
    ASSERT_EQ(state(), kRunning);
    Write(0);
    Publish(0);
  }
  // The events of waits, as one text.
  std::string Told() const {
    std::string told;
    for (const JobEvent& event : effects_.events) {
      if (event.type == "WAITING") told += event.who + " " + event.text + "\n";
    }
    return told;
  }
};

TEST_F(JobWaitsTest, ServersThatDoNotLoadAreNamedOnce) {
  AddServers();
  AddWorkers();
  job_->OnReport(Role::kWorker, 11, {.data = kData}, 0, now_);
  Report(1, {});
  Go(absl::Seconds(1));
  Go(absl::Seconds(20));
  EXPECT_EQ(Told(), "");
  Go(absl::Seconds(15));
  EXPECT_EQ(Told(), "coordinator waits 35s for restored: chunks are not loaded (server-2)\n");
  ASSERT_EQ(job_->OverdueWaits().size(), 1);
  Go(absl::Seconds(15));
  EXPECT_EQ(effects_.CountEvents("WAITING"), 1);
  Report(2, {});
  Go(absl::Seconds(1));
  EXPECT_TRUE(job_->OverdueWaits().empty());
}

TEST_F(JobWaitsTest, AStalledJobFailsWithWhoIsMissingSinceWhen) {
  Start();
  const double since = absl::ToDoubleSeconds(now_.wall - absl::UnixEpoch());
  JobReport report;
  report.waits.push_back({.what = "leaves", .parties = {12}, .detail = "leaves 3-4 of worker 12", .since = since});
  Report(1, report);
  Go(absl::Seconds(2));
  ASSERT_EQ(job_->OverdueWaits().size(), 1) << "its deadline is short";
  EXPECT_EQ(Told(), "") << "and no event";
  JobReport slow = {.term = 1};
  slow.waits.push_back({.what = "weights", .parties = {2}, .detail = "server 2 has not finished step 1", .since = since});
  job_->OnReport(Role::kWorker, 11, slow, 0, now_);
  Go(absl::Seconds(9));
  EXPECT_THAT(Told(), HasSubstr("worker-11 waits 11s for weights: server 2 has not finished step 1 (server-2)"));
  Go(absl::Seconds(60));
  EXPECT_EQ(state(), kFailed);
  EXPECT_THAT(job_->record().reason,
              AllOf(HasSubstr("no progress for 1m; server-1 waits 1m11s for leaves: leaves 3-4 of worker 12 (worker-12)"),
                    HasSubstr("worker-11 waits 1m11s for weights")));
}

TEST_F(JobWaitsTest, PushesThatAreRefusedForEverAreNoProgress) {
  Start();
  for (uint64_t i = 1; i <= 61 && state() == kRunning; ++i) {
    Report(1, {.counters = {{"chunks_applied", 4}, {"partials_refused", 10 * i}}});
    job_->OnReport(Role::kWorker, 11, {.term = 1, .ready = true, .counters = {{"partials_pushed", 10 * i}}}, 0, now_);
    Go(absl::Seconds(1));
  }
  ASSERT_EQ(state(), kFailed);
  EXPECT_THAT(job_->record().reason, HasSubstr("meanwhile worker-11 counts 610 partials_pushed more, "
                                               "server-1 counts 600 partials_refused more"));
}

TEST_F(JobWaitsTest, PartsOfACheckpointThatAreMissing) {
  ASSERT_NO_FATAL_FAILURE(StartWide());
  for (Step step = 1; step <= 3; ++step) Tell(step);
  JobReport report;
  report.parts.push_back({.term = 1, .epoch = job_->record().map.epoch, .step = 3});
  Report(1, report);
  Go(absl::Seconds(1));
  Go(absl::Seconds(31));
  EXPECT_THAT(Told(), HasSubstr("for parts: of the checkpoint of step 3 (server-2)"));
  // One that cannot be written is not waited for.
  report = JobReport();
  report.parts.push_back({.term = 1, .epoch = job_->record().map.epoch, .step = 3, .failure = "disk full"});
  Report(2, report);
  Go(absl::Seconds(1));
  for (const NamedWait& left : job_->OverdueWaits()) ADD_FAILURE() << left.wait.what << ": " << left.wait.detail;
  EXPECT_EQ(state(), kRunning);
}

TEST_F(JobWaitsTest, PartsThatNobodyHasTold) {
  Make(MakeJob("servers { count: 2 } workers { min: 2 }"));
  Start();
  Go(absl::Seconds(1));
  Go(absl::Seconds(31));
  EXPECT_THAT(Told(), HasSubstr("for parts: of the checkpoint of step 0 (server-2)"));
  Write(0);
  Publish(0);
  Tell(1);
  Tell(2);
  Go(absl::Seconds(1));
  EXPECT_TRUE(job_->Waits().empty()) << "the next is of step 3";
  Tell(3);
  Go(absl::Seconds(1));
  ASSERT_EQ(job_->Waits().size(), 1);
  EXPECT_EQ(job_->Waits()[0].wait.detail, "of the checkpoint of step 3 (server-2)");
  // Failed, told or not, it is not waited for.
  Write(3);
  Publish(3, absl::ResourceExhaustedError("disk full"));
  EXPECT_TRUE(job_->Waits().empty());
}

TEST_F(JobWaitsTest, TheCheckpointOfAStop) {
  Make(MakeJob("servers { count: 2 } workers { min: 2 }"));
  Start();
  Write(0);
  Publish(0);
  Tell(1);
  ASSERT_TRUE(job_->Stop(/*at_once=*/false, now_).ok());
  EXPECT_TRUE(job_->Waits().empty()) << "the steps before it are under way";
  for (Step step = 2; step <= 4; ++step) Tell(step);
  Go(absl::Seconds(1));
  ASSERT_EQ(state(), kStopping);
  EXPECT_THAT(job_->Waits()[0].wait.detail, HasSubstr("(server-2)"));
  Go(absl::Seconds(61));
  EXPECT_EQ(state(), kFailed);
  EXPECT_THAT(job_->record().reason, HasSubstr("for parts: of the checkpoint of step "));
}

TEST_F(JobWaitsTest, WhoOwesEntriesOfTheNextLine) {
  ASSERT_NO_FATAL_FAILURE(StartWide());
  Tell(1);
  const auto entries = [&] {
    std::vector<banyan::Wait> waits;
    for (const NamedWait& one : job_->Waits()) {
      if (one.wait.what == "entries") waits.push_back(one.wait);
    }
    return waits;
  };
  EXPECT_TRUE(entries().empty()) << "step 2 is under way";
  Go(absl::Seconds(40));
  const double since = absl::ToDoubleSeconds(now_.wall - absl::UnixEpoch());
  JobReport report;
  report.entries.push_back({.term = 1, .step = 2, .chunk = ChunkId(0), .weight = 16, .loss = 1});
  Report(1, report);
  ASSERT_EQ(entries().size(), 1);
  EXPECT_EQ(entries()[0].detail, "of step 2 (server-1, server-2)");
  EXPECT_EQ(entries()[0].since, since);
  Go(absl::Seconds(10));
  // All of one server are there.
  for (uint32_t chunk = 0; chunk < job_->plan()->layout.chunk_count(); ++chunk) {
    if (job_->record().map.PrimaryOf(ChunkId(chunk)).id != ServerId(1)) continue;
    report.entries.push_back({.term = 1, .step = 2, .chunk = ChunkId(chunk), .weight = 16, .loss = 1});
  }
  Report(1, report);
  ASSERT_EQ(entries().size(), 1);
  EXPECT_EQ(entries()[0].detail, "of step 2 (server-2)");
  Go(absl::Seconds(21));
  EXPECT_THAT(Told(), HasSubstr("coordinator waits 31s for entries: of step 2 (server-2)"));
  // A line is no wait any more.
  Tell(2);
  EXPECT_TRUE(entries().empty());
}

// A term that begins anew has not come to what the one before told in part, or had written.
TEST_F(JobWaitsTest, WhatADeadTermToldIsNotWaitedFor) {
  Make(MakeJob("servers { count: 2 } workers { min: 2 }"));
  Start();
  Write(0);
  Publish(0);
  for (Step step = 1; step <= 3; ++step) Tell(step);
  JobReport report;
  report.entries.push_back({.term = 1, .step = 4, .chunk = ChunkId(0), .weight = 16, .loss = 1});
  Report(2, report);
  ASSERT_EQ(job_->Waits().size(), 2);  // the evaluation's entry of step 4, and the parts of step 3
  job_->RemoveServer(ServerId(2), now_);
  job_->AddServer(Process(Role::kServer, 2, /*incarnation=*/2), now_);
  job_->Proceed(now_);
  ASSERT_EQ(term(), 2);
  Report(1, {});
  Report(2, {});
  ASSERT_EQ(state(), kRunning);
  EXPECT_TRUE(job_->Waits().empty());
  for (Step step = 1; step <= 3; ++step) Tell(step);
  ASSERT_EQ(job_->Waits().size(), 1);
  EXPECT_EQ(job_->Waits()[0].wait.detail, "of the checkpoint of step 3 (server-2)");
}

TEST_F(JobWaitsTest, AnAuditedJobIsNotOverBeforeAllIsCompared) {
  Make(MakeJob("servers { count: 2 } workers { min: 1 } audit: 1"));
  Start();
  for (Step step = 1; step <= 7; ++step) Tell(step);
  Write(6);
  Publish(6);
  ASSERT_EQ(state(), kRunning);
  ASSERT_EQ(job_->Waits().size(), 1);
  EXPECT_EQ(job_->Waits()[0].wait.detail, "what was computed of the last steps (worker-11, worker-12)");
  job_->OnReport(Role::kWorker, 11, {.term = 1}, 0, now_);
  job_->OnReport(Role::kWorker, 12, {.term = 1, .waits = {{.what = "audits"}}}, 0, now_);
  EXPECT_EQ(state(), kRunning) << "one leaf is under way";
  job_->OnReport(Role::kWorker, 12, {.term = 1}, 0, now_);
  EXPECT_EQ(state(), kSucceeded);
}

TEST_F(JobWaitsTest, AJobInTheQueueSaysWhatItLacks) {
  EXPECT_EQ(job_->Reason(), "");
  job_->TellLacking("needs 2 servers (0 free)");
  EXPECT_EQ(job_->Reason(), "needs 2 servers (0 free)");
  Go(absl::Seconds(1));
  Go(absl::Seconds(31));
  EXPECT_THAT(Told(), HasSubstr("for processes: needs 2 servers (0 free)"));
}

}  // namespace
}  // namespace banyan::coordinator
