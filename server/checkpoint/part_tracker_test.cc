#include "server/checkpoint/part_tracker.h"

#include "gtest/gtest.h"

namespace banyan::server {
namespace {

using Ranges = std::vector<CheckpointPart::Range>;

Ranges RangeAt(uint64_t offset) { return {{.file = "model.safetensors", .offset = offset, .size = 8, .checksum = 1}}; }

TEST(PartTrackerTest, TakesEachChunkOnceAndTellsThePartOnce) {
  PartTracker tracker;
  tracker.Start(3, 1);
  EXPECT_TRUE(tracker.Take(10, ChunkId(0)));
  EXPECT_FALSE(tracker.Take(10, ChunkId(0)));
  EXPECT_TRUE(tracker.Take(10, ChunkId(1)));
  EXPECT_TRUE(tracker.TakeNew().empty());

  tracker.OnWritten(3, 1, 10, RangeAt(0));

  const std::vector<CheckpointPart> parts = tracker.TakeNew();
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(parts[0].term, 3u);
  EXPECT_EQ(parts[0].step, 10u);
  EXPECT_EQ(parts[0].ranges.size(), 1u);
  EXPECT_TRUE(parts[0].failure.empty());
  EXPECT_TRUE(tracker.TakeNew().empty());
  EXPECT_FALSE(tracker.Take(10, ChunkId(2))) << "over";
}

TEST(PartTrackerTest, TellsANewSessionAgain) {
  PartTracker tracker;
  tracker.Start(1, 1);
  tracker.Take(5, ChunkId(0));
  tracker.OnWritten(1, 1, 5, RangeAt(0));
  tracker.TakeNew();

  tracker.OnSession();

  EXPECT_EQ(tracker.TakeNew().size(), 1u);
}

TEST(PartTrackerTest, SaysInWordsWhyAPartCannotBeWritten) {
  PartTracker tracker;
  tracker.Start(1, 1);
  tracker.Take(5, ChunkId(0));

  tracker.OnWritten(1, 1, 5, absl::ResourceExhaustedError("write 'x': No space left on device"));

  const std::vector<CheckpointPart> parts = tracker.TakeNew();
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(parts[0].failure, "write 'x': No space left on device");
}

TEST(PartTrackerTest, SaysWhatItMissed) {
  PartTracker tracker;
  tracker.Start(2, 1);

  tracker.Miss(4);
  tracker.Miss(4);

  const std::vector<CheckpointPart> parts = tracker.TakeNew();
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_TRUE(parts[0].missed);
  EXPECT_EQ(parts[0].step, 4u);
  EXPECT_FALSE(tracker.Take(4, ChunkId(0)));
}

TEST(PartTrackerTest, MixesNoTerms) {
  PartTracker tracker;
  tracker.Start(1, 1);
  tracker.Take(5, ChunkId(0));
  tracker.Start(2, 1);
  tracker.Take(5, ChunkId(0));

  tracker.OnWritten(1, 1, 5, RangeAt(0));
  EXPECT_TRUE(tracker.TakeNew().empty());
  tracker.OnWritten(2, 1, 5, RangeAt(0));

  EXPECT_EQ(tracker.TakeNew().size(), 1u);
}

}  // namespace
}  // namespace banyan::server
