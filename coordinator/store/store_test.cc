#include "coordinator/store/store.h"

#include <filesystem>
#include <limits>

#include "gtest/gtest.h"

namespace banyan::coordinator {
namespace {

class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove(path_);
    Reopen();
  }

  void Reopen() {
    store_.reset();
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(path_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  const std::string path_ =
      testing::TempDir() + testing::UnitTest::GetInstance()->current_test_info()->name() + ".sqlite";
  std::unique_ptr<Store> store_;
};

JobRecord MakeRecord() {
  JobRecord record;
  record.id = "a1";
  record.number = 3;
  record.job.set_name("gpt");
  record.leaf_plan = {5, 2, 1};
  record.state = JobState::kRecovering;
  record.reason = "worker-1 was lost";
  record.data = DataFacts{.hash = "h", .samples = 10, .vocabulary = 256};
  record.term = 4;
  record.restore = {.step = 200, .directory = "d"};
  record.map = {.epoch = 2, .servers = {{.id = ServerId(7), .endpoint = "h:1"}}, .owners = {{.primary = 0}}};
  record.submitted = absl::FromUnixNanos(123456789);
  record.train_time = absl::Milliseconds(1500);
  record.train_time_at = absl::FromUnixNanos(123456790);
  record.counters["leaves_computed"] = 9;
  record.assignment = Assignment{.version = 2, .shares = {{.worker = WorkerId(1), .nodes = {{1, 0}}}}};
  return record;
}

TEST_F(StoreTest, AJobComesBackAfterReopening) {
  const JobRecord record = MakeRecord();
  ASSERT_TRUE(store_->WriteJob(record).ok());
  Reopen();
  const std::vector<JobRecord> jobs = store_->Jobs().value();
  ASSERT_EQ(jobs.size(), 1);
  const JobRecord& back = jobs[0];
  EXPECT_EQ(back.id, "a1");
  EXPECT_EQ(back.job.name(), "gpt");
  EXPECT_EQ(back.leaf_plan, record.leaf_plan);
  EXPECT_EQ(back.state, JobState::kRecovering);
  EXPECT_EQ(back.data, record.data);
  EXPECT_EQ(back.restore, record.restore);
  EXPECT_EQ(back.map, record.map);
  EXPECT_FALSE(back.checkpoint.has_value());
  EXPECT_EQ(back.submitted, record.submitted);
  EXPECT_EQ(back.finished, absl::InfinitePast());
  EXPECT_EQ(back.train_time, record.train_time);
  EXPECT_EQ(back.train_time_at, record.train_time_at);
  EXPECT_EQ(back.counters, record.counters);
  EXPECT_EQ(back.assignment, record.assignment);
}

TEST_F(StoreTest, LinesKeepTheirBitsAndTheFirstStands) {
  const LedgerLine line = {.step = 1,
                           .loss_sum = 0.1,
                           .weight = std::numeric_limits<double>::denorm_min(),
                           .learning_rate = 4e-3,
                           .state_fingerprint = 0xfedcba9876543210};
  ASSERT_TRUE(store_->WriteLine("a", {.line = line, .time = absl::FromUnixNanos(5)}).ok());
  LedgerLine other = line;
  other.loss_sum = 2;
  ASSERT_TRUE(store_->WriteLine("a", {.line = other, .time = absl::FromUnixNanos(6)}).ok());
  other.step = 2;
  other.grad_norm = 1.5;
  ASSERT_TRUE(store_->WriteLine("a", {.line = other, .time = absl::FromUnixNanos(6)}).ok());
  Reopen();
  const std::vector<Store::TimedLine> lines = store_->Lines("a", 0, 10).value();
  ASSERT_EQ(lines.size(), 2);
  EXPECT_EQ(lines[0].line, line);
  EXPECT_EQ(lines[0].time, absl::FromUnixNanos(5));
  EXPECT_EQ(lines[1].line, other);
  EXPECT_EQ(store_->LinesThrough("a").value(), 2);
  EXPECT_EQ(store_->LinesThrough("b").value(), 0);
  EXPECT_EQ(store_->Line("a", 2).value()->line, other);
  EXPECT_FALSE(store_->Line("a", 3).value().has_value());
}

TEST_F(StoreTest, EventsAreNumberedFromOneInEachJob) {
  EXPECT_EQ(store_->WriteEvent("a", {.time = absl::FromUnixNanos(1), .type = "RUNNING"}).value(), 1);
  EXPECT_EQ(store_->WriteEvent("b", {.time = absl::FromUnixNanos(1), .type = "RUNNING"}).value(), 1);
  EXPECT_EQ(store_->WriteEvent("a", {.time = absl::FromUnixNanos(2), .type = "FAILED", .text = "why"}).value(), 2);
  const std::vector<Store::NumberedEvent> events = store_->Events("a", 1, 10).value();
  ASSERT_EQ(events.size(), 1);
  EXPECT_EQ(events[0].event.text, "why");
}

TEST_F(StoreTest, EvaluationsAndProcessesComeBack) {
  ASSERT_TRUE(store_->WriteEvaluation("a", {.step = 100, .loss_sum = 2, .weight = 1}).ok());
  ASSERT_TRUE(store_->WriteProcess({.role = Role::kServer, .name = "server-0", .id = 4}).ok());
  Reopen();
  EXPECT_EQ(store_->Evaluation("a", 100).value(), (EvaluationLine{.step = 100, .loss_sum = 2, .weight = 1}));
  const std::vector<Store::ProcessId> processes = store_->Processes().value();
  ASSERT_EQ(processes.size(), 1);
  EXPECT_EQ(processes[0].name, "server-0");
  EXPECT_EQ(processes[0].id, 4);
}

TEST_F(StoreTest, EveryLifeOfTheCoordinatorHasAGreaterTerm) {
  EXPECT_EQ(store_->NextCoordinatorTerm().value(), 1);
  Reopen();
  EXPECT_EQ(store_->NextCoordinatorTerm().value(), 2);
}

TEST_F(StoreTest, ASecondCoordinatorIsKeptOut) {
  const absl::StatusOr<std::unique_ptr<Store>> second = Store::Open(path_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable) << second.status();
}

TEST_F(StoreTest, RefusesANewerFormat) {
  store_.reset();
  {
    const std::unique_ptr<Database> database = Database::Open(path_).value();
    ASSERT_TRUE(database->Execute("PRAGMA user_version = 9").ok());
  }
  EXPECT_EQ(Store::Open(path_).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace banyan::coordinator
