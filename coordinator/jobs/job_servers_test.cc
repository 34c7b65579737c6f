// Servers of a job come, go, fall silent and are fewer than wanted: what becomes of its chunks.

#include <algorithm>
#include <memory>
#include <string>

#include "coordinator/jobs/job_fixture.h"
#include "coordinator/jobs/job_machine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace banyan::coordinator {
namespace {

using enum JobState;
using testing::HasSubstr;

// A model of many chunks, on servers 1, 2, ... and workers 11 and 12.
class JobServersTest : public testing::Test {
 protected:
  void Start(uint32_t servers, uint32_t replicas, const std::string& more = "", uint32_t outputs = 8192) {
    v1::Job job = MakeJob("servers { count: " + std::to_string(servers) + " replicas: " + std::to_string(replicas) +
                          " chunk_bytes: 16384 " + more + "} workers { min: 2 }");
    job.mutable_recipe()->mutable_model()->mutable_linear()->set_outputs(outputs);
    Restart({.id = "j1", .number = 1, .job = job}, 0);
    for (uint64_t id = 1; id <= servers; ++id) Join(id);
    for (const uint64_t id : {11, 12}) job_->AddWorker(Process(Role::kWorker, id), now_);
    job_->Proceed(now_);
    DataFacts data = kData;
    data.targets = outputs;
    job_->OnReport(Role::kWorker, 11, {.data = data}, 0, now_);
    for (uint64_t id = 1; id <= servers; ++id) Report(id);
    ASSERT_EQ(state(), kRunning) << job_->record().reason;
    Report(1, 1);
    job_->OnPublished(1, 0, {}, absl::OkStatus(), now_);
  }
  void Restart(JobRecord record, Step through) {
    job_ = std::make_unique<JobMachine>(std::move(record), JobMachine::Options{.checkpoint_directory = "/jobs/j1"},
                                        through, effects_, now_);
  }
  static Members::Member Process(Role role, uint64_t id) {
    return {.id = id,
            .introduction = {.role = role,
                             .name = (role == Role::kServer ? "server-" : "worker-") + std::to_string(id),
                             .incarnation = Incarnation(1),
                             .device_kind = kDeviceKind},
            .alive = true,
            .patience = absl::Milliseconds(500)};
  }
  void Join(uint64_t id) {
    job_->AddServer(Process(Role::kServer, id), now_);
    job_->Proceed(now_);
  }
  // The server is ready, has one entry of `step` (0: none), and finds every backup of its chunks in sync.
  void Report(uint64_t server, Step step = 0) {
    JobReport report{.term = job_->record().term, .epoch = map().epoch, .ready = true};
    if (step > 0) report.entries.push_back({.term = report.term, .step = step, .chunk = ChunkId(0)});
    for (uint32_t chunk = 0; chunk < map().owners.size(); ++chunk) {
      const ChunkMap::Owner& owner = map().owners[chunk];
      if (map().servers[owner.primary].id != ServerId(server)) continue;
      for (const uint32_t backup : owner.backups) {
        report.in_sync.push_back({.epoch = map().epoch,
                                  .chunk = ChunkId(chunk),
                                  .backup = map().servers[backup].id,
                                  .incarnation = map().servers[backup].incarnation});
      }
    }
    job_->OnReport(Role::kServer, server, report, 0, now_);
  }
  // Reports until the map stays.
  void Settle() {
    for (Epoch before = 0; before != map().epoch;) {
      before = map().epoch;
      for (uint64_t id = 1; id <= 5; ++id) {
        if (job_->Has(Role::kServer, id)) Report(id);
      }
    }
  }
  // The server is ready, and says nothing of its backups.
  void Obey(uint64_t server) {
    job_->OnReport(Role::kServer, server, {.term = job_->record().term, .epoch = map().epoch, .ready = true}, 0, now_);
  }
  void Accuse(const std::vector<uint64_t>& workers, uint64_t server) { Accuse(Role::kWorker, workers, server); }
  void Accuse(Role role, const std::vector<uint64_t>& peers, uint64_t server) {
    for (const uint64_t id : peers) {
      const JobReport report = {
          .term = job_->record().term, .epoch = map().epoch, .ready = true, .broken_peers = {server}};
      job_->OnReport(role, id, report, 0, now_);
    }
  }
  JobMachine::Suspicion::Of Suspicion(uint64_t server, absl::Duration silence) {
    Members::Member member = Process(Role::kServer, server);
    member.last_heard = now_.monotonic - silence;
    return job_->Suspect(member, now_).of;
  }
  int PrimariesOf(uint64_t server) const {
    return static_cast<int>(std::ranges::count_if(map().owners, [&](const ChunkMap::Owner& owner) {
      return map().servers[owner.primary].id == ServerId(server);
    }));
  }
  const ChunkMap& map() const { return job_->record().map; }
  JobState state() const { return job_->record().state; }
  void Tick(absl::Duration later) {
    job_->OnTick(false, now_);
    now_.monotonic += later;
    now_.wall += later;
    job_->OnTick(false, now_);
  }

  using Of = JobMachine::Suspicion::Of;
  FakeEffects effects_;
  JobMachine::Now now_ = {.monotonic = absl::Hours(1), .wall = absl::UnixEpoch() + absl::Hours(1)};
  std::unique_ptr<JobMachine> job_;
};

TEST_F(JobServersTest, ASilentServerIsSparedOnlyWhereOthersHaveItsChunks) {
  Start(2, 1);
  ASSERT_GT(PrimariesOf(2), 0);
  JobRecord record = job_->record();
  EXPECT_TRUE(job_->CanSpare(ServerId(2)));
  EXPECT_EQ(Suspicion(2, absl::Milliseconds(400)), Of::kNothing);
  EXPECT_EQ(Suspicion(2, absl::Milliseconds(600)), Of::kSilent);

  Start(2, 0);
  EXPECT_FALSE(job_->CanSpare(ServerId(2)));
  EXPECT_EQ(Suspicion(2, absl::Seconds(9)), Of::kNothing);
}

TEST_F(JobServersTest, OneProcessThatCannotReachAServerIsNotBelieved) {
  Start(3, 1);
  Accuse({11}, 2);
  EXPECT_EQ(Suspicion(2, absl::ZeroDuration()), Of::kNothing);
  now_.monotonic += absl::Seconds(30);
  EXPECT_EQ(Suspicion(2, absl::ZeroDuration()), Of::kNothing);
}

TEST_F(JobServersTest, MostOfItsPeersAreBelievedAfterAWhile) {
  Start(2, 1);
  Accuse({11, 12}, 2);
  EXPECT_EQ(Suspicion(2, absl::ZeroDuration()), Of::kNothing);
  now_.monotonic += absl::Milliseconds(2100);
  EXPECT_EQ(Suspicion(2, absl::ZeroDuration()), Of::kUnreachable);
  job_->OnReport(Role::kWorker, 11, {.term = 1, .epoch = map().epoch}, 0, now_);
  EXPECT_EQ(Suspicion(2, absl::ZeroDuration()), Of::kNothing) << "it is back";

  Start(2, 0);
  Accuse({11, 12}, 2);
  Suspicion(2, absl::ZeroDuration());
  now_.monotonic += absl::Seconds(30);
  EXPECT_EQ(Suspicion(2, absl::ZeroDuration()), Of::kNothing) << "its chunks are nowhere else";
}

TEST_F(JobServersTest, WhoHasNoStreamToItHasNoSay) {
  Start(5, 1, "", /*outputs=*/1024);
  ASSERT_LE(map().owners.size(), 3) << "most servers have no chunks";
  const uint64_t server = map().PrimaryOf(ChunkId(0)).id.value();
  Accuse({11, 12}, server);
  Suspicion(server, absl::ZeroDuration());
  now_.monotonic += absl::Milliseconds(2100);
  EXPECT_EQ(Suspicion(server, absl::ZeroDuration()), Of::kUnreachable);
}

// One has come, is to get its share, and is cut off: workers have no stream to it yet.
TEST_F(JobServersTest, AServerThatLeadsNothingIsJudgedByServers) {
  Start(2, 1);
  Join(3);
  ASSERT_EQ(PrimariesOf(3), 0);
  Obey(3);
  Accuse(Role::kServer, {1, 2}, 3);
  EXPECT_EQ(Suspicion(3, absl::ZeroDuration()), Of::kNothing);
  now_.monotonic += absl::Milliseconds(2100);
  EXPECT_EQ(Suspicion(3, absl::ZeroDuration()), Of::kUnreachable);
}

TEST_F(JobServersTest, WhoHasNotHeardOfTheMapMayRefuseStreamsAndWhoLoadsSaysNothing) {
  Start(2, 1);
  Join(3);
  const auto at_last = [this] {
    Accuse(Role::kServer, {1, 2}, 3);
    Suspicion(3, absl::ZeroDuration());
    now_.monotonic += absl::Seconds(30);
    return Suspicion(3, absl::ZeroDuration());
  };
  EXPECT_EQ(at_last(), Of::kNothing);
  job_->OnReport(Role::kServer, 3, {.term = job_->record().term, .epoch = map().epoch}, 0, now_);
  EXPECT_EQ(at_last(), Of::kNothing);
  Obey(3);
  EXPECT_EQ(at_last(), Of::kUnreachable);
}

TEST_F(JobServersTest, ANewMapIsNoNewsOfWhoIsReached) {
  Start(4, 2);
  Accuse({11, 12}, 2);
  Accuse(Role::kServer, {1, 3, 4}, 2);
  Suspicion(2, absl::ZeroDuration());
  now_.monotonic += absl::Milliseconds(1500);
  const Epoch before = map().epoch;
  job_->RemoveServer(ServerId(3), now_);
  ASSERT_GT(map().epoch, before);
  now_.monotonic += absl::Milliseconds(600);
  EXPECT_EQ(Suspicion(2, absl::ZeroDuration()), Of::kUnreachable);
  // But of another life nothing is known.
  job_->RemoveServer(ServerId(2), now_);
  Join(2);
  Obey(2);
  Suspicion(2, absl::ZeroDuration());
  now_.monotonic += absl::Seconds(30);
  EXPECT_EQ(Suspicion(2, absl::ZeroDuration()), Of::kNothing);
}

TEST_F(JobServersTest, APrimaryThatNoWorkerReachesGoesWhereTheyReachOthers) {
  Start(4, 1);
  const auto at_last = [this] {
    for (uint64_t server = 1; server <= 4; ++server) Suspicion(server, absl::ZeroDuration());
    now_.monotonic += absl::Seconds(11);
    return Suspicion(2, absl::ZeroDuration());
  };
  Accuse({11}, 2);
  EXPECT_EQ(at_last(), Of::kNothing);
  for (const uint64_t worker : {11, 12}) {
    job_->OnReport(Role::kWorker, worker,
                   {.term = 1, .epoch = map().epoch, .ready = true, .broken_peers = {1, 2, 3, 4}}, 0, now_);
  }
  EXPECT_EQ(at_last(), Of::kNothing) << "they are cut off themselves";
  Accuse({11, 12}, 2);
  EXPECT_EQ(at_last(), Of::kUnreachable);
}

// Everybody else reaches both.
TEST_F(JobServersTest, OfTwoServersThatCannotReachEachOtherOneGoes) {
  Start(4, 1);
  Accuse(Role::kServer, {1}, 3);
  const auto wait = [this](absl::Duration time) {
    for (uint64_t server = 1; server <= 4; ++server) Suspicion(server, absl::ZeroDuration());
    now_.monotonic += time;
  };
  wait(absl::Seconds(9));
  EXPECT_EQ(Suspicion(3, absl::ZeroDuration()), Of::kNothing);
  wait(absl::Seconds(2));
  EXPECT_EQ(Suspicion(3, absl::ZeroDuration()), Of::kUnreachable) << "it came last";
  for (const uint64_t other : {1, 2, 4}) EXPECT_EQ(Suspicion(other, absl::ZeroDuration()), Of::kNothing) << other;
  // Who is cut off from more is to go.
  Accuse(Role::kWorker, {11}, 1);
  EXPECT_EQ(Suspicion(1, absl::ZeroDuration()), Of::kUnreachable);
  EXPECT_EQ(Suspicion(3, absl::ZeroDuration()), Of::kNothing);
}

TEST_F(JobServersTest, OfTwoServersThatCannotReachEachOtherTheOneGoesThatLeadsNothing) {
  Start(3, 1);
  job_->RemoveServer(ServerId(1), now_);
  Settle();
  Join(1);
  ASSERT_EQ(PrimariesOf(1), 0);
  Obey(1);
  ASSERT_TRUE(job_->CanSpare(ServerId(1)) && job_->CanSpare(ServerId(2)));
  Accuse(Role::kServer, {2}, 1);
  for (uint64_t id = 1; id <= 3; ++id) Suspicion(id, absl::ZeroDuration());
  now_.monotonic += absl::Seconds(11);
  EXPECT_EQ(Suspicion(1, absl::ZeroDuration()), Of::kUnreachable);
  EXPECT_EQ(Suspicion(2, absl::ZeroDuration()), Of::kNothing);
}

TEST_F(JobServersTest, WithoutWorkersNobodyIsJudgedByOneServer) {
  Start(3, 1);
  for (const uint64_t id : {11, 12}) job_->RemoveWorker(WorkerId(id), /*lost=*/true, now_);
  ASSERT_EQ(state(), kRecovering);
  const auto at_last = [this](absl::Duration later) {
    Accuse(Role::kServer, {1}, 3);
    for (uint64_t id = 1; id <= 3; ++id) Suspicion(id, absl::ZeroDuration());
    now_.monotonic += later;
    return Suspicion(3, absl::ZeroDuration());
  };
  ASSERT_TRUE(job_->CanSpare(ServerId(3)));
  EXPECT_EQ(at_last(absl::Seconds(30)), Of::kNothing);
  for (const uint64_t id : {11, 12}) job_->AddWorker(Process(Role::kWorker, id), now_);
  job_->Proceed(now_);
  ASSERT_EQ(state(), kRunning) << job_->record().reason;
  EXPECT_EQ(at_last(absl::Seconds(1)), Of::kNothing) << "they may know better";
  EXPECT_EQ(at_last(absl::Seconds(11)), Of::kUnreachable);
}

TEST_F(JobServersTest, OfTwoServersThatCannotReachEachOtherTheOneGoesThatCanBeSpared) {
  Start(3, 1);
  JobRecord record = job_->record();
  for (ChunkMap::Owner& owner : record.map.owners) {
    if (record.map.servers[owner.primary].id == ServerId(3)) owner.in_sync.clear();
  }
  record.state = kRunning;
  Restart(record, 0);
  for (uint64_t id = 1; id <= 3; ++id) Join(id);
  for (const uint64_t id : {11, 12}) job_->AddWorker(Process(Role::kWorker, id), now_);
  for (uint64_t id = 1; id <= 3; ++id) Obey(id);
  ASSERT_EQ(state(), kRunning) << job_->record().reason;
  ASSERT_FALSE(job_->CanSpare(ServerId(3)));
  Accuse(Role::kServer, {1}, 3);
  for (uint64_t id = 1; id <= 3; ++id) Suspicion(id, absl::ZeroDuration());
  now_.monotonic += absl::Seconds(11);
  EXPECT_EQ(Suspicion(3, absl::ZeroDuration()), Of::kNothing);
  EXPECT_EQ(Suspicion(1, absl::ZeroDuration()), Of::kUnreachable);
  Accuse(Role::kWorker, {11}, 3);
  EXPECT_EQ(Suspicion(1, absl::ZeroDuration()), Of::kNothing) << "it is the other that is cut off";
}

TEST_F(JobServersTest, AServerThatJoinsTakesItsShareWithoutReplicasToo) {
  for (const uint32_t replicas : {0, 1}) {
    Start(2, replicas);
    const Term term = job_->record().term;
    ASSERT_TRUE(job_->ScaleServers(3, now_).ok());
    EXPECT_EQ(effects_.records["j1"].job.run().servers().count(), 3) << "durable";
    EXPECT_EQ(job_->servers_wanted(now_), 1);
    Join(3);
    EXPECT_EQ(PrimariesOf(3), 0) << "nothing is in sync there yet";
    Settle();
    EXPECT_GE(PrimariesOf(3), 3);
    EXPECT_EQ(state(), kRunning);
    EXPECT_EQ(job_->record().term, term);
    for (const ChunkMap::Owner& owner : map().owners) EXPECT_EQ(owner.backups.size(), replicas);
    const Epoch epoch = map().epoch;
    Tick(absl::Seconds(1));
    EXPECT_EQ(map().epoch, epoch) << "it is even now";
  }
}

TEST_F(JobServersTest, OneThatDiesWhileItTakesItsShareCostsNothing) {
  Start(2, 0);
  ASSERT_TRUE(job_->ScaleServers(3, now_).ok());
  Join(3);
  ASSERT_EQ(map().servers.size(), 3u);
  job_->RemoveServer(ServerId(3), now_);
  EXPECT_EQ(state(), kRunning);
  EXPECT_EQ(map().servers.size(), 2u);
  for (const ChunkMap::Owner& owner : map().owners) EXPECT_TRUE(owner.backups.empty());
}

TEST_F(JobServersTest, ScaledDownTheLastThatCameGiveTheirChunksAway) {
  Start(3, 0);
  ASSERT_TRUE(job_->ScaleServers(1, now_).ok());
  Settle();
  EXPECT_TRUE(job_->Has(Role::kServer, 1));
  EXPECT_FALSE(job_->Has(Role::kServer, 2));
  EXPECT_FALSE(job_->Has(Role::kServer, 3));
  EXPECT_EQ(PrimariesOf(1), static_cast<int>(map().owners.size()));
  EXPECT_EQ(job_->servers_wanted(now_), 0);
  EXPECT_EQ(effects_.CountEvents("SERVER_LEFT"), 2);
  EXPECT_EQ(state(), kRunning);
  EXPECT_FALSE(job_->ScaleServers(0, now_).ok());
}

TEST_F(JobServersTest, ScaledUpAgainTheyStay) {
  Start(3, 0);
  ASSERT_TRUE(job_->ScaleServers(2, now_).ok());
  ASSERT_TRUE(job_->ScaleServers(3, now_).ok());
  Settle();
  EXPECT_TRUE(job_->Has(Role::kServer, 3));
  EXPECT_EQ(effects_.CountEvents("SERVER_LEFT"), 0);
  for (const ChunkMap::Owner& owner : map().owners) EXPECT_TRUE(owner.backups.empty()) << "the copies were too many";
}

TEST_F(JobServersTest, NothingMovesWhileACheckpointIsUnderWay) {
  Start(2, 0);
  Report(1, 2);
  const Epoch epoch = map().epoch;
  ASSERT_TRUE(job_->ScaleServers(3, now_).ok());
  Join(3);
  EXPECT_EQ(map().epoch, epoch) << "step 3's begins";
  job_->OnPublished(1, 3, {.step = 3, .directory = "/jobs/j1/step-000000000003-term-1"}, absl::OkStatus(), now_);
  EXPECT_EQ(map().epoch, epoch + 1);
}

TEST_F(JobServersTest, WhenNobodyComesTheOthersGoOnFromTheCheckpoint) {
  Start(3, 0, "wait { seconds: 30 }");
  job_->RemoveServer(ServerId(2), now_, "its session ended");
  ASSERT_EQ(state(), kRecovering);
  EXPECT_THAT(job_->record().reason, HasSubstr("01:00:30 UTC, then 2 servers go on from step 0"));
  Tick(absl::Seconds(29));
  EXPECT_EQ(state(), kRecovering);
  Tick(absl::Seconds(2));
  ASSERT_EQ(state(), kStarting);
  EXPECT_EQ(job_->record().term, 2);
  EXPECT_EQ(map().servers.size(), 2u);
  EXPECT_EQ(effects_.CountEvents("FEWER_SERVERS"), 1);
  Report(1);
  Report(3);
  EXPECT_EQ(state(), kRunning);
  EXPECT_EQ(job_->servers_wanted(now_), 1) << "should it come all the same";

  // It waits anew for the next.
  job_->RemoveServer(ServerId(3), now_);
  ASSERT_EQ(state(), kRecovering);
  Tick(absl::Seconds(29));
  EXPECT_EQ(state(), kRecovering);
  job_->RemoveServer(ServerId(1), now_);
  Tick(absl::Seconds(2));
  EXPECT_EQ(state(), kFailed) << "nobody is left";
}

TEST_F(JobServersTest, ThoseOfTheTermGoOnAfterTheCoordinatorsRestartThoughMoreAreWanted) {
  Start(2, 0);
  ASSERT_TRUE(job_->ScaleServers(3, now_).ok());
  Restart(job_->record(), 0);
  for (const uint64_t id : {1, 2}) Join(id);
  for (const uint64_t id : {11, 12}) job_->AddWorker(Process(Role::kWorker, id), now_);
  for (const uint64_t id : {1, 2}) Report(id);
  EXPECT_EQ(state(), kRunning);
  EXPECT_EQ(job_->record().term, 1);
}

TEST_F(JobServersTest, ABackupThatHasJustComeRollsNobodyBackWhenWorkersWereMissing) {
  Start(2, 1);
  Tick(absl::Seconds(11));
  job_->RemoveServer(ServerId(2), now_);
  ASSERT_EQ(state(), kRunning);
  Join(3);
  ASSERT_EQ(map().servers.size(), 2u) << "named, and not ready";
  job_->RemoveWorker(WorkerId(11), /*lost=*/true, now_);
  ASSERT_EQ(state(), kRecovering);
  job_->AddWorker(Process(Role::kWorker, 13), now_);
  job_->Proceed(now_);
  EXPECT_EQ(state(), kRunning);
  EXPECT_EQ(job_->record().term, 1);
}

// Not taken, they would drop their chunks; should more be wanted again, they would begin at the restore point.
TEST_F(JobServersTest, ThoseOfTheTermAreTakenAfterTheCoordinatorsRestartThoughFewerAreWanted) {
  Start(2, 0);
  JobRecord record = job_->record();
  record.job.mutable_run()->mutable_servers()->set_count(1);
  Restart(record, 0);
  Join(1);
  ASSERT_EQ(job_->servers_wanted(now_), 1);
  Join(2);
  for (const uint64_t id : {11, 12}) job_->AddWorker(Process(Role::kWorker, id), now_);
  for (const uint64_t id : {1, 2}) Report(id);
  EXPECT_EQ(state(), kRunning);
  EXPECT_EQ(job_->record().term, 1);
  EXPECT_EQ(map().servers.size(), 2u);
  Settle();
  EXPECT_FALSE(job_->Has(Role::kServer, 2)) << "then it gives its chunks away";
  EXPECT_EQ(job_->record().term, 1);

  Restart(record, 0);
  Join(1);
  Tick(absl::Seconds(10));
  EXPECT_EQ(job_->servers_wanted(now_), 0) << "who does not come is not waited for";
}

// A server that came again while the coordinator was away is another one; one that did not may still come.
TEST_F(JobServersTest, AfterTheCoordinatorsRestartADeadServerIsKnownByItsNextLife) {
  for (const uint32_t replicas : {0, 1}) {
    Start(2, replicas);
    Restart(job_->record(), 0);
    ASSERT_EQ(state(), kRecovering);
    Members::Member next = Process(Role::kServer, 2);
    next.introduction.incarnation = Incarnation(2);
    EXPECT_FALSE(job_->AcceptsServer(next, now_));
    job_->Meet(next, now_);
    Join(1);
    for (const uint64_t id : {11, 12}) job_->AddWorker(Process(Role::kWorker, id), now_);
    job_->Proceed(now_);
    Report(1);
    if (replicas == 1) {
      EXPECT_EQ(state(), kRunning) << "at once";
      EXPECT_EQ(job_->record().term, 1);
    } else {
      EXPECT_TRUE(job_->AcceptsServer(next, now_)) << "all go back";
    }
  }
}

TEST_F(JobServersTest, AfterTheCoordinatorsRestartNobodyGoesBackForOneThatIsLate) {
  Start(2, 0);
  Restart(job_->record(), 0);
  Join(1);
  for (const uint64_t id : {11, 12}) job_->AddWorker(Process(Role::kWorker, id), now_);
  Report(1);
  Tick(absl::Seconds(9));
  EXPECT_FALSE(job_->AcceptsServer(Process(Role::kServer, 3), now_));
  ASSERT_TRUE(job_->AcceptsServer(Process(Role::kServer, 2), now_));
  Join(2);
  Report(2);
  EXPECT_EQ(state(), kRunning);
  EXPECT_EQ(job_->record().term, 1);
}

}  // namespace
}  // namespace banyan::coordinator
