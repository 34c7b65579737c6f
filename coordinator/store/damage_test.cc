// A store whose file is not as it was written is refused, aloud, or gives back exactly what was written.
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "coordinator/store/sqlite.h"
#include "coordinator/store/store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace banyan::coordinator {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class DamageTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }

  // All that it has, as text; its errors.
  static absl::StatusOr<std::string> ReadAll(const std::string& path) {
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(path);
    if (!store.ok()) return store.status();
    std::string all;
    const auto jobs = (*store)->Jobs();
    const auto processes = (*store)->Processes();
    const auto lines = (*store)->Lines("j1", 0, 1000);
    const auto evaluations = (*store)->Evaluations("j1", 0);
    const auto events = (*store)->Events("j1", 0, 1000);
    for (const absl::Status& status :
         {jobs.status(), processes.status(), lines.status(), evaluations.status(), events.status()}) {
      if (!status.ok()) return status;
    }
    for (const JobRecord& job : *jobs) absl::StrAppend(&all, job.id, job.reason, job.term, job.job.name(), "\n");
    for (const Store::ProcessId& process : *processes) absl::StrAppend(&all, process.name, process.id, "\n");
    for (const Store::TimedLine& line : *lines) {
      absl::StrAppend(&all, line.line.step, " ", line.line.loss_sum, " ", line.line.state_fingerprint, "\n");
    }
    for (const EvaluationLine& line : *evaluations) absl::StrAppend(&all, line.step, " ", line.loss_sum, "\n");
    for (const Store::NumberedEvent& event : *events) absl::StrAppend(&all, event.event.type, event.event.text, "\n");
    return all;
  }

  void Fill() {
    const auto store = Store::Open(path_).value();
    ASSERT_TRUE(store->NextCoordinatorTerm().ok());
    JobRecord record = {.id = "j1", .number = 1, .reason = std::string(200, 'r'), .term = 4};
    record.job.set_name("gpt");
    ASSERT_TRUE(store->WriteJob(record).ok());
    ASSERT_TRUE(store->WriteProcess({.role = Role::kServer, .name = "server-0", .id = 7}).ok());
    for (Step step = 1; step <= 30; ++step) {
      const LedgerLine line = {.step = step, .loss_sum = 0.5 * static_cast<double>(step), .weight = 16,
                               .state_fingerprint = step * 0x9e3779b97f4a7c15};
      ASSERT_TRUE(store->WriteLine("j1", {.line = line, .time = absl::UnixEpoch()}).ok());
    }
    ASSERT_TRUE(store->WriteEvaluation("j1", {.step = 30, .loss_sum = 2, .weight = 20}).ok());
    ASSERT_TRUE(store->WriteEvent("j1", {.time = absl::UnixEpoch(), .type = "TERM", .text = "term 4"}).ok());
  }

  const std::string folder_ = testing::TempDir() + "damage";
  const std::string path_ = folder_ + "/store.sqlite";
};

TEST_F(DamageTest, AFlippedBitAnywhereIsFoundOrWithoutConsequence) {
  Fill();
  const std::string good = ReadAll(path_).value();
  std::ifstream file(path_, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  ASSERT_GT(bytes.size(), 20'000);
  const std::string damaged = folder_ + "/damaged.sqlite";
  int found = 0;
  for (size_t at = 0; at < bytes.size(); at += 31) {
    std::string copy = bytes;
    copy[at] = static_cast<char>(copy[at] ^ (1 << (at % 8)));
    std::ofstream(damaged, std::ios::binary) << copy;
    for (const char* beside : {"-wal", "-shm"}) std::filesystem::remove(damaged + beside);
    const absl::StatusOr<std::string> read = ReadAll(damaged);
    if (read.ok()) {
      EXPECT_EQ(*read, good) << "byte " << at << " was turned and nobody said so";
    } else {
      ++found;
    }
  }
  EXPECT_GT(found, 50);
}

TEST_F(DamageTest, SaysWhichRowAndWhatToDo) {
  Fill();
  const auto change = [&](const std::string& sql) {
    ASSERT_TRUE(Database::Open(path_).value()->Execute(sql).ok()) << sql;
  };
  change("UPDATE lines SET loss_sum = 7 WHERE step = 12");
  absl::Status status = Store::Open(path_).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("store.sqlite"), HasSubstr("table lines, job j1, step 12: checksum "),
                    HasSubstr(", expected "), HasSubstr("put a copy of the file back")));
  change("DELETE FROM lines WHERE step = 12");
  status = Store::Open(path_).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("table lines, job j1: has 29 lines, expected 30"));
}

TEST_F(DamageTest, NoStoreIsMadeOfAnotherFile) {
  std::ofstream(path_, std::ios::binary) << std::string(5000, 'x');
  EXPECT_TRUE(absl::IsDataLoss(Store::Open(path_).status())) << Store::Open(path_).status();
  EXPECT_TRUE(absl::IsPermissionDenied(Store::Open(folder_ + "/no/store").status()));
}

TEST_F(DamageTest, AFullDiskIsSaidAndCanBeTriedAgain) {
  const auto database = Database::Open(folder_ + "/full.sqlite").value();
  ASSERT_TRUE(database->Execute("CREATE TABLE t (x BLOB)").ok());
  ASSERT_TRUE(database->Execute("PRAGMA max_page_count = 4").ok());
  ASSERT_TRUE(database->Execute("BEGIN").ok());
  const absl::Status full = database->Execute("INSERT INTO t VALUES (zeroblob(100000))");
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  database->Rollback();
  ASSERT_TRUE(database->Execute("PRAGMA max_page_count = 1000").ok());
  EXPECT_TRUE(database->Execute("BEGIN").ok());
  EXPECT_TRUE(database->Execute("INSERT INTO t VALUES (zeroblob(100000))").ok());
  EXPECT_TRUE(database->Execute("COMMIT").ok());
}

}  // namespace
}  // namespace banyan::coordinator
