#include "coordinator/jobs/fork.h"
#include "coordinator/jobs/job_machine_fixture.h"
#include "gmock/gmock.h"

namespace banyan::coordinator {
namespace {

using enum JobState;
using testing::HasSubstr;

// ---- Damaged checkpoints.

class DamageTest : public JobMachineTest {
 protected:
  // Stopped with a checkpoint at 3, resumed, and its servers cannot load it.
  void FailToRestore() {
    Start();
    for (Step step = 1; step <= 3; ++step) Tell(step);
    Write(3);
    Publish(3);
    ASSERT_TRUE(job_->Stop(/*at_once=*/true, now_).ok());
    ASSERT_TRUE(job_->Resume(nullptr, {}, now_).ok());
    AddServers();
    AddWorkers();
    ASSERT_EQ(Order(Role::kServer, 1).restore->step, 3);
    for (const uint64_t server : {1, 2}) {
      job_->OnReport(Role::kServer, server, {.term = term(), .failure = "bytes [8, 16) are wrong", .restore_failed = true},
                     0, now_);
    }
  }
};

TEST_F(DamageTest, TheLastGoodOneIsUsedInANewTerm) {
  FailToRestore();
  EXPECT_EQ(effects_.searches, std::vector<Term>{2});
  EXPECT_EQ(effects_.CountEvents("CHECKPOINT_DAMAGED"), 1);
  EXPECT_EQ(state(), kRecovering);
  EXPECT_FALSE(Order(Role::kServer, 1).map.has_value()) << "nothing goes on before it is found";
  job_->OnRestorePoint(/*term=*/1, RestorePoint{.step = 1, .directory = "/jobs/j1/late"}, now_);
  EXPECT_EQ(state(), kRecovering) << "an answer to another search";
  job_->OnRestorePoint(2, RestorePoint{.step = 1, .directory = "/jobs/j1/old"}, now_);
  EXPECT_EQ(state(), kStarting);
  EXPECT_EQ(term(), 3);
  EXPECT_EQ(Order(Role::kServer, 2).restore, (RestorePoint{.step = 1, .directory = "/jobs/j1/old"}));
  EXPECT_EQ(effects_.records.at("j1").restore.step, 1) << "rule R12: in the row of the new term";
  EXPECT_EQ(effects_.CountEvents("FALLBACK"), 1);
  Report(1, {});
  Report(2, {});
  EXPECT_EQ(state(), kRunning);
  for (Step step = 2; step <= 7; ++step) Tell(step);
  Write(6);
  Publish(6);
  EXPECT_EQ(state(), kSucceeded);
  EXPECT_EQ(effects_.CountEvents("LEDGER_DIFFERS"), 0);
  EXPECT_EQ(effects_.lines.size(), 6);
}

TEST_F(DamageTest, WhereAllAreDamagedItBeginsAnew) {
  FailToRestore();
  job_->OnRestorePoint(2, RestorePoint(), now_);
  EXPECT_EQ(Order(Role::kServer, 1).restore, RestorePoint());
  EXPECT_FALSE(job_->record().checkpoint.has_value());
}

TEST_F(DamageTest, OneThatTheCoordinatorReadsIsNotSkipped) {
  FailToRestore();
  job_->OnRestorePoint(2, job_->record().restore, now_);
  EXPECT_EQ(state(), kFailed);
  EXPECT_THAT(job_->record().reason, HasSubstr("server-1: bytes [8, 16) are wrong; the coordinator reads it"));
}

TEST_F(DamageTest, ASearchThatDiedWithTheCoordinatorIsMadeAgain) {
  FailToRestore();
  Restart(effects_.records.at("j1"), 3);
  AddServers();
  AddWorkers();
  EXPECT_EQ(state(), kStarting);
  EXPECT_EQ(Order(Role::kServer, 1).restore->step, 3);
  job_->OnReport(Role::kServer, 1, {.term = term(), .failure = "wrong", .restore_failed = true}, 0, now_);
  EXPECT_EQ(effects_.searches.size(), 2);
}

// ---- Weights to start from.

class InitialWeightsTest : public JobMachineTest {
 protected:
  void Begin(const std::string& path) {
    v1::Job job = MakeJob();
    job.mutable_recipe()->mutable_model()->set_init_from(path);
    Make(job);
    AddServers();
    AddWorkers();
    job_->OnReport(Role::kWorker, 11, {.data = kData}, 0, now_);
  }
};

TEST_F(InitialWeightsTest, TheFingerprintIsOfWhatTheyAre) {
  const auto fingerprint = [&](const std::string& path, const std::string& hash) {
    Begin(path);
    Report(1, {.initial_weights = hash});
    Report(2, {.initial_weights = hash});
    EXPECT_EQ(state(), kRunning);
    EXPECT_EQ(effects_.records.at("j1").initial_weights, hash) << "durable";
    EXPECT_EQ(effects_.records.at("j1").fingerprint, job_->record().fingerprint);
    return job_->record().fingerprint;
  };
  const std::string one = fingerprint("data:one", "aaaa");
  EXPECT_EQ(fingerprint("data:other", "aaaa"), one) << "wherever they lie";
  EXPECT_NE(fingerprint("data:one", "bbbb"), one);
}

TEST_F(InitialWeightsTest, EveryServerMustHaveTheSame) {
  Begin("data:one");
  Report(1, {.initial_weights = "aaaaaaaaaaaaaaaa"});
  Report(2, {.initial_weights = "bbbbbbbbbbbbbbbb"});
  EXPECT_EQ(state(), kFailed);
  EXPECT_EQ(job_->record().reason,
            "server server-2 finds other weights in 'data:one' (hash bbbbbbbbbbbb) than the job began with (hash "
            "aaaaaaaaaaaa); give every server the same files");
}

TEST_F(InitialWeightsTest, TheyMayNotChangeUntilTheNextTerm) {
  Begin("data:one");
  Report(1, {.initial_weights = "aaaa"});
  Report(2, {.initial_weights = "aaaa"});
  job_->RemoveServer(ServerId(2), now_);
  job_->AddServer(Process(Role::kServer, 2, /*incarnation=*/2), now_);
  job_->Proceed(now_);
  ASSERT_EQ(term(), 2);
  Report(1, {.initial_weights = "aaaa"});
  Report(2, {.initial_weights = "cccc"});
  EXPECT_EQ(state(), kFailed);
}

TEST_F(DamageTest, ABadBeginningFailsTheJob) {
  AddServers();
  AddWorkers();
  job_->OnReport(Role::kWorker, 11, {.data = kData}, 0, now_);
  job_->OnReport(Role::kServer, 1, {.term = 1, .failure = "no weights in 'x'", .restore_failed = true}, 0, now_);
  EXPECT_EQ(state(), kFailed);
  EXPECT_THAT(job_->record().reason, HasSubstr("no weights"));
}

// ---- Forks.

class ForkedJobTest : public JobMachineTest {
 protected:
  // A fork at step 4 of a job with a checkpoint at 3.
  void MakeForked(const v1::Job& job) {
    JobRecord parent = {.id = "j0", .job = MakeJob(), .data = kData, .device_kind = kDeviceKind};
    absl::StatusOr<JobRecord> fork =
        MakeFork(parent, {.step = 4, .job = job, .source = {.step = 3, .directory = "/jobs/j0/three"}});
    ASSERT_TRUE(fork.ok()) << fork.status();
    fork->id = "j1";
    for (Step step = 1; step <= 4; ++step) {
      effects_.lines[step] = {.step = step, .loss_sum = 1, .weight = 16, .learning_rate = step == 1 || step == 4 ? 0.25 : 0.5,
                              .state_fingerprint = 7 * chunks_};
    }
    Restart(*std::move(fork), 4);
  }
  void ReplayOn() {
    AddServers();
    AddWorkers();
    ASSERT_EQ(term(), 1);
    EXPECT_EQ(Order(Role::kServer, 1).restore->directory, "/jobs/j0/three");
    EXPECT_EQ(Order(Role::kServer, 1).checkpoint_step, 4);
    EXPECT_EQ(Order(Role::kWorker, 11).last_step, 4);
    Report(1, {});
    Report(2, {});
    ASSERT_EQ(state(), kRunning);
  }
  static v1::Job Faster() {
    v1::Job job = MakeJob();
    job.mutable_recipe()->mutable_optimizer()->mutable_sgd()->set_learning_rate(2);
    return job;
  }
  static constexpr uint64_t chunks_ = 1;
};

TEST_F(ForkedJobTest, ReplaysTheParentAndGoesOnByItsOwnRecipe) {
  MakeForked(Faster());
  ReplayOn();
  EXPECT_EQ(job_->plan()->evaluation, std::nullopt);
  // The step is done again, is compared, and no line past the fork is written.
  for (const Step step : {4, 5}) {
    JobReport reports[2];
    for (uint32_t chunk = 0; chunk < job_->plan()->layout.chunk_count(); ++chunk) {
      reports[0].entries.push_back({.term = 1, .step = step, .chunk = ChunkId(chunk), .weight = 16, .loss = 1,
                                    .fingerprint = 7});
    }
    Report(1, reports[0]);
  }
  EXPECT_EQ(effects_.CountEvents("LEDGER_DIFFERS"), 0);
  EXPECT_EQ(effects_.lines.size(), 4);
  Write(4);
  ASSERT_FALSE(effects_.requests.empty());
  const uint32_t life = job_->record().life;
  job_->OnPublished(1, 4, {.step = 4, .directory = "/jobs/j1/step-000000000004-term-1"}, absl::OkStatus(), now_, "hash");
  EXPECT_EQ(state(), kQueued);
  EXPECT_GT(job_->record().life, life);
  EXPECT_EQ(job_->record().fork->state_hash, "hash");
  EXPECT_EQ(effects_.CountEvents("FORKED"), 1);

  AddServers();
  AddWorkers();
  EXPECT_EQ(term(), 2);
  EXPECT_EQ(Order(Role::kServer, 1).restore->step, 4);
  EXPECT_EQ(Order(Role::kServer, 1).last_step, 0);
  Report(1, {});
  Report(2, {});
  ASSERT_EQ(state(), kRunning);
  for (Step step = 5; step <= 7; ++step) Tell(step);
  EXPECT_EQ(effects_.lines.at(5).learning_rate, 0.5) << "a quarter of 2, by the schedule";
  Write(6);
  Publish(6);
  EXPECT_EQ(state(), kSucceeded);
  EXPECT_EQ(effects_.protect.count({.term = 1, .step = 4}), 1) << "nothing else can make its first state again";
}

TEST_F(ForkedJobTest, ALostServerBeginsTheReplayAnew) {
  MakeForked(Faster());
  ReplayOn();
  job_->RemoveServer(ServerId(1), now_);
  EXPECT_EQ(state(), kRecovering);
  AddServers(/*incarnation=*/2);
  EXPECT_EQ(term(), 2);
  EXPECT_EQ(Order(Role::kServer, 1).restore->directory, "/jobs/j0/three");
}

TEST_F(ForkedJobTest, APauseInTheReplayIsAtOnce) {
  MakeForked(Faster());
  ReplayOn();
  ASSERT_TRUE(job_->Pause(now_).ok());
  EXPECT_EQ(state(), kPaused);
  ASSERT_TRUE(job_->Resume(nullptr, {}, now_).ok());
  AddServers();
  AddWorkers();
  EXPECT_EQ(Order(Role::kServer, 1).restore->directory, "/jobs/j0/three");
}

TEST_F(ForkedJobTest, OtherDataAreIndexedAfterTheReplay) {
  v1::Job job = MakeJob();
  job.mutable_recipe()->mutable_data()->mutable_synthetic_regression()->set_noise(0.5);
  MakeForked(job);
  ReplayOn();
  Write(4);
  job_->OnPublished(1, 4, {.step = 4, .directory = "/jobs/j1/four"}, absl::OkStatus(), now_, "hash");
  AddServers();
  AddWorkers();
  ASSERT_EQ(state(), kStarting);
  EXPECT_TRUE(Order(Role::kWorker, 11).index_data);
  job_->OnReport(Role::kWorker, 11, {.data = kData}, 0, now_);
  EXPECT_EQ(term(), 2);
  EXPECT_EQ(Order(Role::kServer, 1).restore->step, 4);
}

TEST_F(ForkedJobTest, WhereTheParentsCheckpointIsGoneTheOneBeforeIsTaken) {
  MakeForked(Faster());
  AddServers();
  AddWorkers();
  job_->OnReport(Role::kServer, 1, {.term = 1, .failure = "no such directory", .restore_failed = true}, 0, now_);
  job_->OnRestorePoint(1, RestorePoint(), now_);
  EXPECT_EQ(term(), 2);
  EXPECT_EQ(Order(Role::kServer, 1).restore, RestorePoint());
  EXPECT_EQ(Order(Role::kServer, 1).checkpoint_step, 4);
}

}  // namespace
}  // namespace banyan::coordinator
