// A store whose file is not as it was written is refused, aloud, or gives back exactly what was written.
#include <filesystem>
#include <fstream>
#include <string>

#include "coordinator/store/sqlite.h"
#include "coordinator/store/store.h"
#include "coordinator/store/store_fixture.h"
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

  void Fill() { fixture::Fill(*Store::Open(path_).value()); }

  const std::string folder_ = testing::TempDir() + "damage";
  const std::string path_ = folder_ + "/store.sqlite";
};

TEST_F(DamageTest, AFlippedBitAnywhereIsFoundOrWithoutConsequence) {
  Fill();
  const std::string good = fixture::ReadAll(path_).value();
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
    const absl::StatusOr<std::string> read = fixture::ReadAll(damaged);
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
