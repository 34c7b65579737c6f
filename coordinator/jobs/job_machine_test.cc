#include "coordinator/jobs/job_machine.h"

#include "coordinator/jobs/job_machine_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace banyan::coordinator {
namespace {

using enum JobState;
using testing::HasSubstr;

TEST_F(JobMachineTest, FromTheQueueToTheEnd) {
  EXPECT_EQ(job_->servers_wanted(now_), 2);
  AddServers();
  EXPECT_EQ(state(), kQueued);
  AddWorkers();
  ASSERT_EQ(state(), kStarting);
  EXPECT_TRUE(Order(Role::kWorker, 11).index_data);
  EXPECT_FALSE(Order(Role::kWorker, 12).index_data);
  EXPECT_FALSE(job_->OrderFor(Role::kServer, 1).has_value());

  job_->OnReport(Role::kWorker, 11, {.data = kData}, 0, now_);
  EXPECT_EQ(Order(Role::kServer, 1).term, 1);
  EXPECT_EQ(Order(Role::kServer, 1).restore, RestorePoint());
  EXPECT_EQ(Order(Role::kServer, 1).map->owners.size(), job_->plan()->layout.chunk_count() + 1);
  EXPECT_FALSE(job_->record().fingerprint.empty());
  Report(1, {});
  Report(2, {});
  ASSERT_EQ(state(), kRunning);
  EXPECT_EQ(Order(Role::kWorker, 12).assignment->shares.size(), 2);
  Write(0);
  Publish(0);

  for (Step step = 1; step <= 7; ++step) {
    Tell(step);
    EXPECT_EQ(Order(Role::kServer, 1).ledger_through, step == 7 ? 0 : step) << "after the last there are no orders";
    if (step % 3 != 0) continue;
    Write(step);
    Publish(step);
  }
  EXPECT_EQ(state(), kSucceeded);
  EXPECT_EQ(effects_.lines.size(), 6);
  EXPECT_EQ(effects_.lines.at(1).learning_rate, 0.25);
  EXPECT_EQ(effects_.lines.at(2).learning_rate, 0.5);
  EXPECT_EQ(effects_.evaluations.size(), 2);
  EXPECT_EQ(job_->record().checkpoint->step, 6);
  EXPECT_EQ(job_->Crew().size(), 4);
  EXPECT_TRUE(job_->assignment().has_value());
  EXPECT_FALSE(job_->OrderFor(Role::kServer, 1).has_value());
  EXPECT_EQ(effects_.records.at("j1").state, kSucceeded);
}

TEST_F(JobMachineTest, IsNotOverBeforeItsLastCheckpoint) {
  Start();
  for (Step step = 1; step <= 7; ++step) Tell(step);
  EXPECT_EQ(state(), kRunning);
  Write(6);
  EXPECT_EQ(state(), kRunning);
  Publish(6);
  EXPECT_EQ(state(), kSucceeded);
}

TEST_F(JobMachineTest, ACheckpointWaitsForItsLinesAndForEveryServer) {
  Start();
  Tell(1);
  Tell(2);
  Write(3);
  EXPECT_TRUE(effects_.requests.empty());
  Tell(3);
  ASSERT_EQ(effects_.requests.size(), 1);
  EXPECT_EQ(effects_.requests[0].parts.size(), 2);
  Publish(3);
  EXPECT_EQ(effects_.protect, (std::set<CheckpointName>{{.term = 1, .step = 3}}));
}

TEST_F(JobMachineTest, TheTimeInTrainingIsKeptWithEveryCheckpoint) {
  Start();
  for (Step step = 1; step <= 3; ++step) Tell(step);
  Write(3);
  now_.monotonic += absl::Seconds(7);
  Publish(3);
  now_.monotonic += absl::Seconds(2);
  EXPECT_EQ(job_->TrainTime(now_), absl::Seconds(9));
  Restart(effects_.records.at("j1"), 3);  // the coordinator died
  EXPECT_EQ(job_->TrainTime(now_), absl::Seconds(7));
}

TEST_F(JobMachineTest, APartWithoutTensorsCompletesNoCheckpoint) {
  Start();
  for (Step step = 1; step <= 3; ++step) Tell(step);
  const uint64_t writer = job_->record().map.PrimaryOf(ChunkId(0)).id.value();
  JobReport report;
  report.parts.push_back({.term = 1, .epoch = job_->record().map.epoch, .step = 3});
  Report(writer == 1 ? 2 : 1, report);
  EXPECT_TRUE(effects_.requests.empty());
  Report(writer, report);
  EXPECT_EQ(effects_.requests.size(), 1);
}

TEST_F(JobMachineTest, StopsWithACheckpointAhead) {
  Start();
  Tell(1);
  ASSERT_TRUE(job_->Stop(/*at_once=*/false, now_).ok());
  EXPECT_EQ(state(), kStopping);
  EXPECT_EQ(Order(Role::kServer, 1).checkpoint_step, 4);
  EXPECT_EQ(Order(Role::kWorker, 11).last_step, 4);
  for (Step step = 2; step <= 6; ++step) Tell(step);
  EXPECT_EQ(effects_.lines.rbegin()->first, 4) << "a line past the stop";
  Write(4);
  Publish(4);
  EXPECT_EQ(state(), kStopped);
  EXPECT_EQ(job_->record().checkpoint->step, 4);
}

TEST_F(JobMachineTest, AMissedPartMovesTheStop) {
  Start();
  Tell(1);
  ASSERT_TRUE(job_->Stop(false, now_).ok());
  Tell(2);
  Tell(3);
  JobReport report;
  report.parts.push_back({.term = 1, .epoch = job_->record().map.epoch, .step = 4, .missed = true});
  Report(1, report);
  EXPECT_EQ(Order(Role::kServer, 1).checkpoint_step, 6);
  EXPECT_EQ(effects_.CountEvents("CHECKPOINT_MISSED"), 1);
  for (Step step = 4; step <= 6; ++step) Tell(step);
  Write(6);
  Publish(6);
  EXPECT_EQ(state(), kStopped);
}

TEST_F(JobMachineTest, StopsAtOnceWhereAsked) {
  Start();
  ASSERT_TRUE(job_->Stop(/*at_once=*/true, now_).ok());
  EXPECT_EQ(state(), kStopped);
  EXPECT_THAT(job_->record().reason, HasSubstr("no checkpoint"));
  EXPECT_EQ(job_->Stop(true, now_).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(JobMachineTest, PausesWithACheckpointAndGoesOnFromThere) {
  Start();
  Tell(1);
  ASSERT_TRUE(job_->Pause(now_).ok());
  EXPECT_EQ(state(), kStopping);
  for (Step step = 2; step <= 4; ++step) Tell(step);
  Write(4);
  Publish(4);
  EXPECT_EQ(state(), kPaused);
  EXPECT_EQ(job_->workers_wanted() + job_->servers_wanted(now_), 0) << "its processes are others'";
  EXPECT_EQ(job_->Pause(now_).code(), absl::StatusCode::kFailedPrecondition);
  const uint32_t life = job_->record().life;
  ASSERT_TRUE(job_->Resume(nullptr, {}, now_).ok());
  EXPECT_EQ(state(), kQueued);
  EXPECT_GT(job_->record().life, life);
  AddServers();
  AddWorkers();
  EXPECT_EQ(Order(Role::kServer, 1).restore->step, 4);
}

TEST_F(JobMachineTest, AJobThatWaitsIsPausedAtOnceAndMayBeStoppedThen) {
  ASSERT_TRUE(job_->Pause(now_).ok());
  EXPECT_EQ(state(), kPaused);
  AddServers();
  AddWorkers();
  EXPECT_EQ(state(), kPaused);
  ASSERT_TRUE(job_->Stop(/*at_once=*/false, now_).ok());
  EXPECT_EQ(state(), kStopped);
}

TEST_F(JobMachineTest, TheLastWordBetweenPauseAndStopCounts) {
  Start();
  ASSERT_TRUE(job_->Pause(now_).ok());
  ASSERT_TRUE(job_->Stop(/*at_once=*/false, now_).ok());
  EXPECT_EQ(job_->Pause(now_).code(), absl::StatusCode::kFailedPrecondition);
  job_->RemoveServer(ServerId(1), now_);
  EXPECT_EQ(state(), kStopped);
}

TEST_F(JobMachineTest, APauseOutlivesTheCoordinatorAndItsServers) {
  Start();
  ASSERT_TRUE(job_->Pause(now_).ok());
  Restart(effects_.records.at("j1"), 0);
  EXPECT_EQ(state(), kPaused);
  ASSERT_TRUE(job_->Resume(nullptr, {}, now_).ok());
  AddServers();
  AddWorkers();
  Report(1, {});
  Report(2, {});
  ASSERT_EQ(state(), kRunning);
  ASSERT_TRUE(job_->Pause(now_).ok());
  job_->RemoveServer(ServerId(1), now_);
  EXPECT_EQ(state(), kPaused);
}

TEST_F(JobMachineTest, ResumesOnOtherCounts) {
  Start();
  for (Step step = 1; step <= 3; ++step) Tell(step);
  Write(3);
  Publish(3);
  ASSERT_TRUE(job_->Stop(true, now_).ok());
  v1::Run run = job_->record().job.run();
  run.mutable_servers()->set_count(1);
  run.mutable_workers()->set_min(1);
  ASSERT_TRUE(job_->Resume(&run, {}, now_).ok());
  EXPECT_EQ(state(), kQueued);
  job_->AddServer(Process(Role::kServer, 5), now_);
  job_->AddWorker(Process(Role::kWorker, 11), now_);
  job_->Proceed(now_);
  ASSERT_EQ(state(), kStarting);
  EXPECT_EQ(term(), 2);
  EXPECT_EQ(Order(Role::kServer, 5).restore->step, 3);
  EXPECT_EQ(Order(Role::kServer, 5).map->servers.size(), 1);
  Report(5, {});
  EXPECT_EQ(state(), kRunning);
  EXPECT_GT(Order(Role::kWorker, 11).assignment->version, 1);
  EXPECT_EQ(Order(Role::kWorker, 11).assignment->from_step, 4);
  EXPECT_FALSE(job_->record().counters.contains("rollbacks"));
}

TEST_F(JobMachineTest, TooFewWorkersRecoverWithoutANewTerm) {
  Start();
  Tell(1);
  job_->RemoveWorker(WorkerId(12), true, now_);
  EXPECT_EQ(state(), kRecovering);
  EXPECT_FALSE(Order(Role::kWorker, 11).assignment.has_value()) << "it waits";
  job_->AddWorker(Process(Role::kWorker, 12, 2), now_);
  job_->Proceed(now_);
  EXPECT_EQ(state(), kRunning);
  EXPECT_EQ(Order(Role::kWorker, 11).assignment->from_step, 1);
  EXPECT_EQ(term(), 1);
}

TEST_F(JobMachineTest, ALostServerBringsANewTerm) {
  Start();
  for (Step step = 1; step <= 4; ++step) Tell(step);
  Write(3);
  Publish(3);
  job_->RemoveServer(ServerId(2), now_);
  job_->Proceed(now_);
  EXPECT_EQ(state(), kRecovering);
  now_.monotonic += absl::Seconds(3);
  job_->AddServer(Process(Role::kServer, 2, 9), now_);
  job_->Proceed(now_);
  ASSERT_EQ(state(), kStarting);
  EXPECT_EQ(term(), 2);
  EXPECT_EQ(Order(Role::kServer, 1).restore->step, 3);
  EXPECT_EQ(effects_.records.at("j1").term, 2) << "a term is written before anybody hears of it";
  EXPECT_EQ(job_->record().counters.at("rollbacks"), 1);
  // What the old term says late changes nothing.
  job_->OnReport(Role::kServer, 1, {.term = 1, .ready = true, .failure = "gone"}, 0, now_);
  EXPECT_EQ(state(), kStarting);
  Report(1, {});
  Report(2, {});
  EXPECT_EQ(state(), kRunning);
  EXPECT_EQ(Order(Role::kWorker, 11).assignment->from_step, 4);
  for (Step step = 4; step <= 6; ++step) Tell(step);
  EXPECT_EQ(effects_.lines.size(), 6);
  EXPECT_EQ(effects_.CountEvents("LEDGER_DIFFERS"), 0);
}

TEST_F(JobMachineTest, AServerThatWasWronglySuspectedBringsANewTermToo) {
  Start();
  job_->RemoveServer(ServerId(2), now_);
  job_->Proceed(now_);
  EXPECT_EQ(Order(Role::kServer, 1).map, std::nullopt);

  // The same life; but it may have dropped the job, and have loaded the restore point of term 1 again.
  Restart(job_->record(), 0);
  AddServers();
  AddWorkers();

  EXPECT_EQ(term(), 2);
  EXPECT_EQ(job_->record().map.epoch, 2);
}

TEST_F(JobMachineTest, AReplayThatDiffersIsTold) {
  Start();
  for (Step step = 1; step <= 2; ++step) Tell(step);
  const LedgerLine stands = effects_.lines.at(1);
  job_->RemoveServer(ServerId(2), now_);
  now_.monotonic += absl::Seconds(3);
  job_->AddServer(Process(Role::kServer, 2, 9), now_);
  job_->Proceed(now_);
  Report(1, {});
  Report(2, {});
  JobReport report;
  for (uint32_t chunk = 0; chunk < job_->plan()->layout.chunk_count(); ++chunk) {
    report.entries.push_back(
        {.term = 2, .step = 1, .chunk = ChunkId(chunk), .weight = 16, .loss = 1, .fingerprint = 8});
  }
  Report(1, report);
  EXPECT_EQ(effects_.CountEvents("LEDGER_DIFFERS"), 1);
  EXPECT_EQ(effects_.lines.at(1), stands);
}

TEST_F(JobMachineTest, OtherDataFailsTheJob) {
  Start();
  DataFacts other = kData;
  other.hash = "fedcba9876543210";
  job_->OnReport(Role::kWorker, 12, {.data = other}, 0, now_);
  EXPECT_EQ(state(), kFailed);
  EXPECT_THAT(job_->record().reason, HasSubstr("worker-12 finds other data (hash fedcba987654, 80 samples)"));
}

TEST_F(JobMachineTest, AFailureNamesItsProcess) {
  Start();
  job_->OnReport(Role::kWorker, 12, {.failure = "no such file"}, 0, now_);
  EXPECT_EQ(state(), kFailed);
  EXPECT_EQ(job_->record().reason, "worker-12: no such file");
}

TEST_F(JobMachineTest, AStallNamesWhoIsWaitedFor) {
  Start();
  JobReport report;
  report.waits.push_back({.what = "leaves", .detail = "leaf 3 of step 1 from worker-12"});
  Report(1, report);
  Wait(absl::Seconds(59));
  EXPECT_EQ(state(), kRunning);
  Wait(absl::Seconds(2));
  EXPECT_EQ(state(), kFailed);
  EXPECT_THAT(job_->record().reason, HasSubstr("leaves: leaf 3 of step 1 from worker-12"));
}

TEST_F(JobMachineTest, PatienceEndsUnlessOthersHaveTheWorkers) {
  AddServers();
  Wait(absl::Minutes(6), /*busy_elsewhere=*/true);
  EXPECT_EQ(state(), kQueued);
  Wait(absl::Minutes(6));
  EXPECT_EQ(state(), kFailed);
  EXPECT_THAT(job_->record().reason, HasSubstr("for 2 workers and has 0"));
}

TEST_F(JobMachineTest, GoesOnAfterTheCoordinatorsRestart) {
  Start();
  Tell(1);
  Tell(2);
  const uint64_t version = Order(Role::kWorker, 11).assignment->version;
  Restart(effects_.records.at("j1"), 2);
  EXPECT_EQ(state(), kRecovering);
  EXPECT_FALSE(job_->AcceptsServer(Process(Role::kServer, 9), now_));
  EXPECT_FALSE(job_->AcceptsServer(Process(Role::kServer, 1, 7), now_));
  ASSERT_TRUE(job_->AcceptsServer(Process(Role::kServer, 1), now_));
  AddServers();
  AddWorkers();
  Report(1, {});
  Report(2, {});
  EXPECT_EQ(state(), kRunning);
  EXPECT_EQ(term(), 1);
  EXPECT_GT(Order(Role::kWorker, 11).assignment->version, version) << "somebody may follow that one, reported or not";
}

TEST_F(JobMachineTest, ALeafPlanHoldsForTheWorkersItIsFor) {
  Make(MakeJob("servers { count: 2 } workers { min: 1 }"), {5, 3});
  AddServers();
  job_->AddWorker(Process(Role::kWorker, 11), now_);
  job_->Proceed(now_);
  EXPECT_EQ(state(), kQueued);
  job_->AddWorker(Process(Role::kWorker, 12), now_);
  job_->Proceed(now_);
  job_->OnReport(Role::kWorker, 11, {.data = kData}, 0, now_);
  Report(1, {});
  Report(2, {});
  ASSERT_EQ(state(), kRunning);
  EXPECT_EQ(Order(Role::kWorker, 11).assignment->shares[0].nodes.size(), 2);  // 4 + 1
  job_->RemoveWorker(WorkerId(12), true, now_);
  EXPECT_EQ(state(), kRunning);
  EXPECT_EQ(Order(Role::kWorker, 11).assignment->shares.size(), 1);
}

TEST_F(JobMachineTest, ABrokenLastCheckpointFailsTheJob) {
  Start();
  for (Step step = 1; step <= 7; ++step) Tell(step);
  JobReport report;
  report.parts.push_back({.term = 1, .epoch = job_->record().map.epoch, .step = 6, .failure = "disk full"});
  Report(2, report);
  EXPECT_EQ(state(), kFailed);
  EXPECT_THAT(job_->record().reason, HasSubstr("disk full"));
}

// The backups of a job with replicas are all in sync.
TEST_F(JobMachineTest, ABackupInSyncGoesOnInTheSameTerm) {
  Make(MakeJob("servers { count: 2 replicas: 1 } workers { min: 2 }"));
  Start();
  const ChunkMap& map = job_->record().map;
  const Epoch epoch = map.epoch;
  const auto report_in_sync = [&] {
    for (const uint64_t server : {1, 2, 3}) {
      JobReport report;
      for (uint32_t chunk = 0; chunk < map.owners.size(); ++chunk) {
        const ChunkMap::Owner& owner = map.owners[chunk];
        if (map.servers[owner.primary].id != ServerId(server) || owner.backups.empty()) continue;
        const ChunkMap::Server& backup = map.servers[owner.backups[0]];
        report.in_sync.push_back(
            {.epoch = map.epoch, .chunk = ChunkId(chunk), .backup = backup.id, .incarnation = backup.incarnation});
      }
      if (!report.in_sync.empty()) Report(server, report);
    }
  };
  report_in_sync();
  for (const ChunkMap::Owner& owner : effects_.records["j1"].map.owners) EXPECT_EQ(owner.in_sync, owner.backups);
  EXPECT_EQ(map.epoch, epoch) << "nobody else goes by it";

  job_->RemoveServer(ServerId(2), now_);
  job_->Proceed(now_);

  EXPECT_EQ(state(), kRunning);
  EXPECT_EQ(term(), 1);
  EXPECT_EQ(map.epoch, epoch + 1);
  EXPECT_EQ(effects_.records["j1"].map.epoch, epoch + 1) << "durable";
  for (uint32_t chunk = 0; chunk < map.owners.size(); ++chunk) EXPECT_EQ(map.PrimaryOf(ChunkId(chunk)).id, ServerId(1));
  EXPECT_EQ(job_->servers_wanted(now_), 1);

  // Another server comes: the copies are made there, and until then nothing may be lost any more.
  job_->AddServer(Process(Role::kServer, 3), now_);
  job_->Proceed(now_);
  EXPECT_EQ(map.epoch, epoch + 2);
  for (const ChunkMap::Owner& owner : map.owners) EXPECT_EQ(owner.backups.size(), 1u);
  report_in_sync();
  job_->RemoveServer(ServerId(1), now_);
  EXPECT_EQ(state(), kRunning);
  job_->RemoveServer(ServerId(3), now_);
  EXPECT_EQ(state(), kRecovering);
}

// A server's shards reach a term one after the other, and its report has the term of the last one.
TEST_F(JobMachineTest, WhatIsInSyncCountsByItsEpochOnly) {
  Make(MakeJob("servers { count: 2 replicas: 1 } workers { min: 2 }"));
  Start();
  const ChunkMap& map = job_->record().map;
  const ChunkMap::Server& primary = map.PrimaryOf(ChunkId(0));
  const ChunkMap::Server& backup = map.servers[map.owners[0].backups.at(0)];

  job_->OnReport(Role::kServer, primary.id.value(),
                 {.term = 0, .in_sync = {{.epoch = map.epoch, .chunk = ChunkId(0), .backup = backup.id,
                                          .incarnation = backup.incarnation}}},
                 0, now_);

  EXPECT_EQ(map.owners[0].in_sync, map.owners[0].backups);
}

TEST_F(JobMachineTest, ACopyNotInSyncIsNotPromoted) {
  Make(MakeJob("servers { count: 2 replicas: 1 } workers { min: 2 }"));
  Start();

  JobReport stale;
  stale.in_sync.push_back({.epoch = job_->record().map.epoch - 1, .chunk = ChunkId(0), .backup = ServerId(2)});
  Report(1, stale);
  job_->RemoveServer(ServerId(1), now_);

  EXPECT_EQ(state(), kRecovering);
}

TEST_F(JobMachineTest, AfterItsOwnDeathTheCoordinatorGoesOnWithoutWhoDiedMeanwhile) {
  Make(MakeJob("servers { count: 2 replicas: 1 } workers { min: 2 }"));
  Start();
  JobRecord record = job_->record();
  for (ChunkMap::Owner& owner : record.map.owners) owner.in_sync = owner.backups;
  Restart(record, 0);
  ASSERT_EQ(state(), kRecovering);
  job_->AddServer(Process(Role::kServer, 2), now_);
  AddWorkers();
  Report(2, {});
  EXPECT_EQ(state(), kRecovering) << "the other may still come";
  Wait(absl::Seconds(3));

  EXPECT_EQ(state(), kRunning);
  EXPECT_EQ(term(), 1);
}

TEST_F(JobMachineTest, AServerThatDrainsGivesItsChunksAwayFirst) {
  Start();
  job_->AddServer(Process(Role::kServer, 3), now_);
  const ChunkMap& map = job_->record().map;

  job_->DrainServer(ServerId(2), now_);

  ASSERT_EQ(map.servers.size(), 3u) << "without replicas too";
  EXPECT_TRUE(job_->Has(Role::kServer, 2)) << "nothing is in sync yet";
  for (const uint64_t server : {1, 2}) {
    JobReport report;
    for (uint32_t chunk = 0; chunk < map.owners.size(); ++chunk) {
      const ChunkMap::Owner& owner = map.owners[chunk];
      if (owner.backups.empty() || map.servers[owner.primary].id != ServerId(server)) continue;
      report.in_sync.push_back({.epoch = map.epoch,
                                .chunk = ChunkId(chunk),
                                .backup = map.servers[owner.backups[0]].id,
                                .incarnation = Incarnation(1)});
    }
    Report(server, report);
  }

  EXPECT_FALSE(job_->Has(Role::kServer, 2));
  EXPECT_EQ(state(), kRunning);
  EXPECT_EQ(term(), 1);
  ASSERT_EQ(map.servers.size(), 2u);
  for (const ChunkMap::Server& server : map.servers) EXPECT_NE(server.id, ServerId(2));
  EXPECT_EQ(effects_.CountEvents("SERVER_LEFT"), 1);
}

}  // namespace
}  // namespace banyan::coordinator
