// A coordinator that was killed leaves SQLite's log behind. Whatever becomes of it, the next one has all that was
// committed, or refuses.
#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <random>
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

constexpr size_t kPage = 4096;
constexpr size_t kFrame = kPage + 24;
constexpr size_t kHeader = 32;

class UncleanEndTest : public testing::Test {
 protected:
  using Files = std::map<std::string, std::string>;  // content by what follows the store's name

  void SetUp() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    store_ = Store::Open(folder_ + "/store.sqlite").value();
    fixture::Fill(*store_);
  }

  // What a SIGKILL at this moment leaves.
  Files Left() const {
    Files files;
    for (const char* suffix : {"", "-wal", ".commits"}) {
      std::ifstream file(folder_ + "/store.sqlite" + suffix, std::ios::binary);
      files[suffix] = {std::istreambuf_iterator<char>(file), {}};
    }
    return files;
  }
  // Opened elsewhere: what it has, or why not.
  absl::StatusOr<std::string> Reopen(const Files& files) const {
    Lay(files);
    return fixture::ReadAll(copy_);
  }
  void Lay(const Files& files) const {
    for (const char* suffix : {"", "-wal", "-shm", ".commits"}) std::filesystem::remove(copy_ + suffix);
    for (const auto& [suffix, content] : files) std::ofstream(copy_ + suffix, std::ios::binary) << content;
  }
  std::string All() { return fixture::ReadAll(*store_).value(); }

  // A commit of many frames: SQLite begins its log anew, in its place, once that is long.
  void WriteMuch() {
    ASSERT_TRUE(store_->WriteEvent("j1", {.time = absl::UnixEpoch(), .type = "T", .text = std::string(200'000, 't')}).ok());
  }

  static std::string SaltOf(const Files& files) { return files.at("-wal").substr(16, 8); }
  static size_t FramesOf(const Files& files) { return (files.at("-wal").size() - kHeader) / kFrame; }

  const std::string folder_ = testing::TempDir() + "unclean";
  const std::string copy_ = folder_ + "/copy.sqlite";
  std::unique_ptr<Store> store_;
};

TEST_F(UncleanEndTest, AllIsThere) {
  const Files first = Left();
  bool anew = false;
  for (int commits = 0; !anew; ++commits) {
    ASSERT_LT(commits, 100);
    WriteMuch();
    const Files left = Left();
    const absl::StatusOr<std::string> read = Reopen(left);
    ASSERT_TRUE(read.ok()) << read.status();
    ASSERT_EQ(*read, All());
    anew = SaltOf(left) != SaltOf(first);
  }
  fixture::WriteLines(*store_, 31, 35);
  EXPECT_EQ(Reopen(Left()).value(), All());
}

TEST_F(UncleanEndTest, ALogThatWasGoneOnWithIsWatchedToo) {
  Lay(Left());
  {
    const auto next = Store::Open(copy_).value();
    fixture::WriteLines(*next, 31, 35);
    for (const char* suffix : {"", "-wal", ".commits"}) {
      std::filesystem::copy_file(copy_ + suffix, folder_ + "/third.sqlite" + suffix);
    }
    fixture::WriteLines(*store_, 31, 35);
  }
  EXPECT_EQ(fixture::ReadAll(folder_ + "/third.sqlite").value(), All());
}

TEST_F(UncleanEndTest, AFlippedBitOfTheLogIsFoundOrWithoutConsequence) {
  const Files left = Left();
  const std::string good = All();
  const size_t frames = FramesOf(left);
  ASSERT_GT(frames, 35);
  ASSERT_EQ(Reopen(left).value(), good);
  std::mt19937 random(20261122);
  const auto any = [&](size_t size) { return std::uniform_int_distribution<size_t>(0, size - 1)(random); };
  std::vector<size_t> bits;
  for (size_t byte = 0; byte < kHeader; ++byte) bits.push_back(8 * byte + any(8));
  for (size_t frame = 0; frame < frames; ++frame) {
    const size_t begin = 8 * (kHeader + frame * kFrame);
    bits.push_back(begin + any(8 * 24));
    for (int i = 0; i < 3; ++i) bits.push_back(begin + 8 * 24 + any(8 * kPage));
  }
  size_t found = 0;
  for (const size_t bit : bits) {
    Files bad = left;
    bad["-wal"][bit / 8] ^= static_cast<char>(1 << (bit % 8));
    const absl::StatusOr<std::string> read = Reopen(bad);
    if (read.ok()) {
      EXPECT_EQ(*read, good) << "bit " << bit << " was turned and nobody said so";
    } else {
      EXPECT_TRUE(absl::IsDataLoss(read.status())) << read.status();
      // The files are as they were, for somebody to look at.
      std::ifstream log(copy_ + "-wal", std::ios::binary);
      EXPECT_EQ(std::string(std::istreambuf_iterator<char>(log), {}), bad["-wal"]);
      ++found;
    }
  }
  EXPECT_EQ(found, bits.size()) << "every frame of this log is committed";
}

TEST_F(UncleanEndTest, SaysWhatIsLostAndWhatToDo) {
  Files left = Left();
  // The last two commits, or the last one of two frames.
  left["-wal"][left["-wal"].size() - kFrame - kPage] ^= 1;
  absl::Status status = Reopen(left).status();
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("copy.sqlite-wal' is damaged: of the last "), HasSubstr(" can be read"),
                    HasSubstr("put copies of 'copy.sqlite*' back, made together")));
  left = Left();
  left.erase("-wal");
  status = Reopen(left).status();
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("copy.sqlite-wal' is missing"), HasSubstr("delete"), HasSubstr("copy.sqlite.commits'")));
  left = Left();
  left[".commits"][20] ^= 1;
  EXPECT_THAT(std::string(Reopen(left).status().message()), HasSubstr("copy.sqlite.commits' is damaged"));
}

// What a process or a power cut may leave of its own accord is no damage.
TEST_F(UncleanEndTest, WhatWasNotCommittedIsNoLoss) {
  const std::string good = All();
  Files left = Left();
  left["-wal"] += left["-wal"].substr(kHeader, kFrame + 100);  // the next one, half written
  EXPECT_EQ(Reopen(left).value(), good);
  const Files before = Left();
  fixture::WriteLines(*store_, 31, 40);
  for (const std::string& mark : {before.at(".commits"), std::string(), std::string(40, '\0')}) {  // not synced
    left = Left();
    left[".commits"] = mark;
    EXPECT_EQ(Reopen(left).value(), All());
  }
  // Nor is a mark of a log that has been begun anew since.
  const Files old = Left();
  while (SaltOf(Left()) == SaltOf(old)) WriteMuch();
  left = Left();
  left[".commits"] = old.at(".commits");
  EXPECT_EQ(Reopen(left).value(), All());
}

TEST_F(UncleanEndTest, AfterACleanOneNothingIsExpected) {
  const std::string good = All();
  store_.reset();
  std::filesystem::copy_file(folder_ + "/store.sqlite", copy_);
  std::filesystem::copy_file(folder_ + "/store.sqlite.commits", copy_ + ".commits");
  EXPECT_EQ(fixture::ReadAll(copy_).value(), good);
}

}  // namespace
}  // namespace banyan::coordinator
