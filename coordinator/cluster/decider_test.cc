#include "coordinator/cluster/decider.h"

#include <map>
#include <optional>

#include "coordinator/jobs/job_fixture.h"
#include "gtest/gtest.h"

namespace banyan::coordinator {
namespace {

// Keeps what is committed.
class FakeStore final : public DecisionStore {
 public:
  absl::Status Begin() override { return absl::OkStatus(); }
  absl::Status Commit() override {
    ++commits;
    return absl::OkStatus();
  }
  absl::StatusOr<uint64_t> NextCoordinatorTerm() override { return ++lives; }
  absl::Status WriteProcess(const ProcessId& process) override {
    processes.push_back(process);
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<ProcessId>> Processes() override { return processes; }
  absl::Status WriteJob(const JobRecord& record) override {
    jobs[record.id] = record;
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<JobRecord>> Jobs() override {
    std::vector<JobRecord> records;
    for (const auto& [id, record] : jobs) records.push_back(record);
    return records;
  }
  absl::Status WriteLine(const std::string&, const TimedLine&) override { return absl::OkStatus(); }
  absl::StatusOr<std::optional<TimedLine>> Line(const std::string&, Step) override { return last; }
  absl::Status CopyLines(const std::string&, const std::string&, Step) override { return absl::OkStatus(); }
  absl::StatusOr<Step> LinesThrough(const std::string&) override { return 0; }
  absl::Status WriteEvaluation(const std::string&, const EvaluationLine&) override { return absl::OkStatus(); }
  absl::StatusOr<std::optional<EvaluationLine>> Evaluation(const std::string&, Step) override { return std::nullopt; }
  absl::StatusOr<uint64_t> WriteEvent(const std::string&, const JobEvent&) override { return ++events; }

  uint64_t lives = 0;
  uint64_t commits = 0;
  uint64_t events = 0;
  std::vector<ProcessId> processes;
  std::map<std::string, JobRecord> jobs;
  std::optional<TimedLine> last;
};

class DeciderTest : public testing::Test {
 protected:
  DeciderTest() { Open(); }

  void Open() {
    absl::StatusOr<std::unique_ptr<Decider>> opened = Decider::Open(
        {.jobs_directory = "/jobs"}, store_,
        {.publish = [](const JobRecord&, JobEffects::PublishRequest) {},
         .remove_old = [](const std::string&, uint32_t, const std::set<CheckpointName>&) {}},
        now_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    decider_ = *std::move(opened);
  }

  static Cluster::Heard Worker(uint64_t incarnation) {
    return {.introduction = {
                .role = Role::kWorker, .name = "worker-1", .incarnation = Incarnation(incarnation), .device_kind = "cpu:x"}};
  }
  bool WorkerIsAlive(uint64_t id) const { return decider_->cluster().members().Find(Role::kWorker, id)->alive; }

  Decider::Now now_ = {.monotonic = absl::ZeroDuration(), .wall = absl::UnixEpoch()};
  FakeStore store_;
  std::unique_ptr<Decider> decider_;
};

TEST_F(DeciderTest, ALifeKnowsWhatTheOneBeforeCommitted) {
  const absl::StatusOr<uint64_t> id = decider_->OnReport(SessionId(1), Worker(7), now_);
  ASSERT_TRUE(id.ok());
  ASSERT_TRUE(decider_->cluster().Submit(MakeJob(), {}, "", now_).ok());
  ASSERT_TRUE(decider_->Commit(nullptr).ok());
  const uint64_t term = decider_->coordinator_term();

  Open();

  EXPECT_GT(decider_->coordinator_term(), term);
  EXPECT_NE(decider_->cluster().Job("j1"), nullptr);
  EXPECT_EQ(*decider_->OnReport(SessionId(1), Worker(8), now_), *id) << "an id belongs to its name";
}

TEST_F(DeciderTest, TheTimeInTrainingGoesOnToTheLastLine) {
  ASSERT_TRUE(decider_->cluster().Submit(MakeJob(), {}, "", now_).ok());
  ASSERT_TRUE(decider_->Commit(nullptr).ok());
  JobRecord& job = store_.jobs.at("j1");
  job.state = JobState::kRunning;
  job.train_time = absl::Seconds(5);
  job.train_time_at = absl::FromUnixSeconds(100);
  const auto train_time_after = [&](int64_t seconds, JobState state) {
    job.state = state;
    store_.last = DecisionStore::TimedLine{.time = absl::FromUnixSeconds(seconds)};
    now_.wall = absl::FromUnixSeconds(1000);
    Open();
    return decider_->cluster().Job("j1")->TrainTime(now_);
  };
  const JobRecord killed = job;
  EXPECT_EQ(train_time_after(107, JobState::kRunning), absl::Seconds(12));
  job = killed;
  EXPECT_EQ(train_time_after(90, JobState::kRunning), absl::Seconds(5)) << "a line of before";
  job = killed;
  EXPECT_EQ(train_time_after(107, JobState::kRecovering), absl::Seconds(5)) << "it did not train";
}

TEST_F(DeciderTest, TheEndOfASessionIsADeathUnlessThereIsANewerOne) {
  const uint64_t id = *decider_->OnReport(SessionId(1), Worker(7), now_);
  ASSERT_EQ(*decider_->OnReport(SessionId(2), Worker(7), now_), id);
  EXPECT_EQ(decider_->ProcessOf(SessionId(1)), nullptr);

  EXPECT_FALSE(decider_->OnSessionEnded(SessionId(1), now_));
  EXPECT_TRUE(WorkerIsAlive(id));
  EXPECT_TRUE(decider_->OnSessionEnded(SessionId(2), now_));
  EXPECT_FALSE(WorkerIsAlive(id));
}

TEST_F(DeciderTest, WhatAnOldSessionStillSaysEndsNoNewLife) {
  ASSERT_TRUE(decider_->OnReport(SessionId(1), Worker(7), now_).ok());
  const uint64_t id = *decider_->OnReport(SessionId(2), Worker(8), now_);

  EXPECT_TRUE(absl::IsFailedPrecondition(decider_->OnReport(SessionId(1), Worker(7), now_).status()));
  EXPECT_EQ(decider_->cluster().members().Find(Role::kWorker, id)->introduction.incarnation, Incarnation(8));
  EXPECT_TRUE(absl::IsInvalidArgument(decider_->OnReport(SessionId(2), Worker(9), now_).status()));
}

TEST_F(DeciderTest, ACommandNamesTheLifeThatGivesIt) {
  const uint64_t id = *decider_->OnReport(SessionId(1), Worker(7), now_);

  const Decider::Command command = decider_->CommandFor(SessionId(1));

  EXPECT_EQ(command.coordinator_term, 1u);
  EXPECT_EQ(command.id, id);
  EXPECT_FALSE(command.leave);
  EXPECT_TRUE(command.jobs.empty());
}

}  // namespace
}  // namespace banyan::coordinator
