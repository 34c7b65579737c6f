// A checkpoint must survive losing power at any call of the disk, whatever the crash leaves of what was not synced.
#include <string>

#include "common/checkpoint/checkpoint_fixture.h"
#include "common/checkpoint/publisher.h"
#include "common/checkpoint/reader.h"
#include "common/file/file_util.h"
#include "common/file/simulated_disk.h"
#include "gtest/gtest.h"

namespace banyan {
namespace {

using fixture::kJob;
using Fault = SimulatedDisk::Fault;
using Unsynced = SimulatedDisk::Unsynced;

constexpr CheckpointName kOld{.term = 1, .step = 100};
constexpr CheckpointName kNew{.term = 1, .step = 200};

// The newest complete checkpoint is all right and is kOld or kNew; the latter if `published`.
void ExpectNewestIsRight(SimulatedDisk& disk, bool published, const std::string& when) {
  const auto newest = OpenNewestCheckpoint(disk, kJob);
  ASSERT_TRUE(newest.ok()) << when << ": " << newest.status();
  EXPECT_TRUE(fixture::CheckRight(*newest).ok()) << when << ": " << fixture::CheckRight(*newest);
  EXPECT_TRUE(newest->step() == kNew.step || (!published && newest->step() == kOld.step)) << when << newest->step();
  const auto all = ListCheckpoints(disk, kJob);
  ASSERT_TRUE(all.ok()) << all.status();
  for (const CheckpointEntry& entry : *all) EXPECT_TRUE(entry.status.ok()) << when << ": " << entry.status;
}

class CrashTest : public testing::TestWithParam<std::tuple<Unsynced, Unsynced>> {};

TEST_P(CrashTest, NewestCompleteCheckpointIsRightAfterACrashAtAnyCall) {
  const CheckpointLayout layout = fixture::SmallLayout();
  bool published = false;
  for (uint64_t call = 1; !published; ++call) {
    SimulatedDisk disk;
    ASSERT_TRUE(fixture::WriteAndPublish(disk, layout, kJob, kOld).ok());
    disk.SetFault(call, Fault::kPowerOff);
    published = fixture::WriteAndPublish(disk, layout, kJob, kNew).ok();
    disk.Crash({.names = std::get<0>(GetParam()), .content = std::get<1>(GetParam()), .seed = call});
    const std::string when = "crash at call " + std::to_string(call);
    ExpectNewestIsRight(disk, published, when);
    // What was left half done does not stand in the way of doing it again.
    const absl::Status again = fixture::WriteAndPublish(disk, layout, kJob, kNew);
    EXPECT_TRUE(again.ok() || absl::IsAlreadyExists(again)) << when << ": " << again;
    ExpectNewestIsRight(disk, /*published=*/true, when + ", repeated");
    ASSERT_LT(call, 500u);
  }
}

TEST_P(CrashTest, RemovingOldOnesNeverCostsTheNewest) {
  const CheckpointLayout layout = fixture::SmallLayout();
  bool removed = false;
  for (uint64_t call = 1; !removed; ++call) {
    SimulatedDisk disk;
    for (const CheckpointName& name : {CheckpointName{1, 50}, kOld, kNew}) {
      ASSERT_TRUE(fixture::WriteAndPublish(disk, layout, kJob, name).ok());
    }
    ASSERT_TRUE(fixture::WritePart(disk, layout, kJob, {.term = 1, .step = 150}).ok());
    disk.SetFault(call, Fault::kPowerOff);
    removed = RemoveOldCheckpoints(disk, kJob, 1, {}).ok();
    disk.Crash({.names = std::get<0>(GetParam()), .content = std::get<1>(GetParam()), .seed = call});
    ExpectNewestIsRight(disk, /*published=*/true, "crash at call " + std::to_string(call));
    ASSERT_LT(call, 500u);
  }
}

INSTANTIATE_TEST_SUITE_P(AllLosses, CrashTest,
                         testing::Combine(testing::Values(Unsynced::kLost, Unsynced::kKept, Unsynced::kTorn),
                                          testing::Values(Unsynced::kLost, Unsynced::kKept, Unsynced::kTorn)));

TEST(DiskFaultTest, AFullOrFailingDiskLeavesTheOldCheckpoint) {
  const CheckpointLayout layout = fixture::SmallLayout();
  for (const Fault fault : {Fault::kNoSpace, Fault::kShortWrite, Fault::kIoError}) {
    bool beyond = false;
    for (uint64_t call = 1; !beyond; ++call) {
      SimulatedDisk disk;
      ASSERT_TRUE(fixture::WriteAndPublish(disk, layout, kJob, kOld).ok());
      disk.SetFault(call, fault);
      const bool published = fixture::WriteAndPublish(disk, layout, kJob, kNew).ok();
      beyond = disk.calls() < call;
      ASSERT_TRUE(beyond || !published) << "call " << call << " failed and nobody said so";
      disk.SetFault(0, fault);
      ExpectNewestIsRight(disk, published, "fault at call " + std::to_string(call));
    }
  }
}

TEST(DiskFaultTest, ABitTurnedInAnyWriteIsFound) {
  const CheckpointLayout layout = fixture::SmallLayout();
  uint64_t calls = 1;
  int found = 0;
  for (uint64_t call = 1; call <= calls; ++call) {
    SimulatedDisk disk;
    disk.SetFault(call, Fault::kFlipBit);
    const absl::Status written = fixture::WriteAndPublish(disk, layout, kJob, kNew);
    calls = disk.calls();
    if (!written.ok()) {
      ++found;
      continue;
    }
    const auto newest = OpenNewestCheckpoint(disk, kJob);
    if (newest.ok()) {
      EXPECT_TRUE(fixture::CheckRight(*newest).ok());
    } else {
      ++found;
    }
  }
  EXPECT_GT(found, 10);
}

}  // namespace
}  // namespace banyan
