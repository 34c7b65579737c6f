#include "common/file/simulated_disk.h"

#include <string>

#include "common/base/bytes.h"
#include "common/file/file_util.h"
#include "gtest/gtest.h"

namespace banyan {
namespace {

using Fault = SimulatedDisk::Fault;
using Unsynced = SimulatedDisk::Unsynced;

TEST(SimulatedDiskTest, CrashForgetsContentThatWasNotSynced) {
  SimulatedDisk disk;
  const auto file = disk.Open("/a", OpenMode::kCreateNew).value();
  ASSERT_TRUE(disk.SyncDirectory("/").ok());
  ASSERT_TRUE(file->WriteAt(0, AsBytes("one")).ok());
  ASSERT_TRUE(file->Sync().ok());
  ASSERT_TRUE(file->WriteAt(0, AsBytes("two!")).ok());
  EXPECT_EQ(ReadFile(disk, "/a", 100).value(), "two!");
  disk.Crash();
  EXPECT_EQ(ReadFile(disk, "/a", 100).value(), "one");
  EXPECT_FALSE(file->Sync().ok()) << "a file opened before the crash";
}

TEST(SimulatedDiskTest, CrashForgetsNamesThatWereNotSynced) {
  SimulatedDisk disk;
  ASSERT_TRUE(disk.Open("/a", OpenMode::kCreateNew).value()->Sync().ok());
  disk.Crash();
  EXPECT_FALSE(Exists(disk, "/a").value());
  ASSERT_TRUE(WriteFileAtomically(disk, "/a", "x").ok());
  ASSERT_TRUE(disk.Rename("/a", "/b").ok());
  disk.Crash();
  EXPECT_TRUE(Exists(disk, "/a").value());
  EXPECT_FALSE(Exists(disk, "/b").value());
}

TEST(SimulatedDiskTest, RenameBeforeSyncMayLeaveAnEmptyFile) {
  SimulatedDisk disk;
  ASSERT_TRUE(disk.Open("/t", OpenMode::kCreateNew).value()->WriteAt(0, AsBytes("x")).ok());
  ASSERT_TRUE(disk.Rename("/t", "/a").ok());
  disk.Crash({.names = Unsynced::kKept, .content = Unsynced::kLost});
  EXPECT_EQ(ReadFile(disk, "/a", 100).value(), "");
}

TEST(SimulatedDiskTest, FaultsHitTheCallTheyAreSetFor) {
  SimulatedDisk disk;
  const auto file = disk.Open("/a", OpenMode::kCreateNew).value();
  disk.SetFault(2, Fault::kNoSpace);
  EXPECT_TRUE(file->WriteAt(0, AsBytes("aaaa")).ok());
  EXPECT_EQ(file->WriteAt(0, AsBytes("bbbb")).message(), "write '/a': No space left on device");
  disk.SetFault(1, Fault::kShortWrite);
  EXPECT_FALSE(file->WriteAt(0, AsBytes("cccc")).ok());
  EXPECT_EQ(ReadFile(disk, "/a", 100).value(), "ccaa");
  disk.SetFault(1, Fault::kIoError);
  EXPECT_EQ(file->Sync().message(), "fsync '/a': Input/output error");
  disk.SetFault(1, Fault::kFlipBit);
  EXPECT_TRUE(file->WriteAt(0, AsBytes("d")).ok());
  EXPECT_EQ(ReadFile(disk, "/a", 100).value(), "ecaa");
  EXPECT_EQ(disk.calls(), 4) << "write, and open, size and read";
  disk.SetFault(1, Fault::kPowerOff);
  EXPECT_FALSE(file->Sync().ok());
  EXPECT_FALSE(disk.Stat("/").ok());
  disk.Crash();
  EXPECT_TRUE(disk.Stat("/").ok());
}

// The promise of WriteFileAtomically, at every call and for every mixture that a crash may leave.
TEST(WriteFileAtomicallyTest, LeavesOldOrNewAfterACrashAtAnyCall) {
  for (const Unsynced names : {Unsynced::kLost, Unsynced::kKept, Unsynced::kTorn}) {
    for (const Unsynced content : {Unsynced::kLost, Unsynced::kKept, Unsynced::kTorn}) {
      for (uint64_t seed = 0; seed < 8; ++seed) {
        bool finished = false;
        for (uint64_t call = 1; !finished; ++call) {
          SimulatedDisk disk;
          ASSERT_TRUE(WriteFileAtomically(disk, "/a", std::string(9000, 'o')).ok());
          disk.SetFault(call, Fault::kPowerOff);
          finished = WriteFileAtomically(disk, "/a", std::string(10000, 'n')).ok();
          disk.Crash({.names = names, .content = content, .seed = seed});
          const std::string after = ReadFile(disk, "/a", 100000).value();
          const bool is_old = after == std::string(9000, 'o');
          EXPECT_TRUE(is_old || after == std::string(10000, 'n')) << "crash at call " << call;
          EXPECT_FALSE(finished && is_old) << "OK, but the new content is lost";
        }
      }
    }
  }
}

TEST(WriteFileAtomicallyTest, FailsAndKeepsTheOldContentOnAFullDisk) {
  for (const Fault fault : {Fault::kNoSpace, Fault::kShortWrite, Fault::kIoError}) {
    for (uint64_t call = 1; call <= 4; ++call) {
      SimulatedDisk disk;
      ASSERT_TRUE(WriteFileAtomically(disk, "/a", "old").ok());
      disk.SetFault(call, fault);
      EXPECT_FALSE(WriteFileAtomically(disk, "/a", "new").ok());
      EXPECT_EQ(ReadFile(disk, "/a", 100).value(), "old");
    }
  }
}

TEST(CreateDirectoriesTest, IsDurable) {
  SimulatedDisk disk;
  ASSERT_TRUE(CreateDirectories(disk, "/x/y").ok());
  disk.Crash();
  EXPECT_TRUE(disk.Stat("/x/y").value().is_directory);
}

TEST(SimulatedDiskTest, LocksExcludeAndEndWithTheCrash) {
  SimulatedDisk disk;
  const auto held = disk.Lock("/lock").value();
  EXPECT_TRUE(absl::IsFailedPrecondition(disk.Lock("/lock").status()));
  disk.Crash();
  EXPECT_TRUE(disk.Lock("/lock").ok());
}

}  // namespace
}  // namespace banyan
