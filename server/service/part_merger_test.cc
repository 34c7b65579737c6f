#include "server/service/part_merger.h"

#include "gtest/gtest.h"

namespace banyan::server {
namespace {

CheckpointPart PartAt(Step step, uint64_t offset) {
  return {.term = 1, .epoch = 1, .step = step, .ranges = {{.file = "f", .offset = offset, .size = 1, .checksum = 2}}};
}

TEST(PartMergerTest, MakesOnePartOfThoseOfAllShards) {
  PartMerger merger;
  merger.Start(1, 1, 2);

  EXPECT_TRUE(merger.Add(0, PartAt(2, 0)).empty());
  EXPECT_TRUE(merger.Add(0, PartAt(2, 0)).empty()) << "told again to a new session";
  const std::vector<CheckpointPart> whole = merger.Add(1, PartAt(2, 8));

  ASSERT_EQ(whole.size(), 1u);
  EXPECT_EQ(whole[0].step, 2u);
  EXPECT_EQ(whole[0].ranges.size(), 2u);
}

TEST(PartMergerTest, OneMissedOrFailedMakesTheWholeSo) {
  PartMerger merger;
  merger.Start(1, 1, 2);
  merger.Add(0, {.term = 1, .epoch = 1, .step = 2, .missed = true});
  merger.Add(0, {.term = 1, .epoch = 1, .step = 4, .failure = "disk full"});

  EXPECT_TRUE(merger.Add(1, PartAt(2, 8))[0].missed);
  EXPECT_EQ(merger.Add(1, PartAt(4, 8))[0].failure, "disk full");
}

TEST(PartMergerTest, IgnoresPartsOfAnotherTermOrMap) {
  PartMerger merger;
  merger.Start(2, 1, 1);
  EXPECT_TRUE(merger.Add(0, PartAt(2, 0)).empty());
  merger.Start(1, 2, 1);
  EXPECT_TRUE(merger.Add(0, PartAt(2, 0)).empty());
}

}  // namespace
}  // namespace banyan::server
