#include "server/service/part_merger.h"

#include "gtest/gtest.h"
#include "server/shard/toy_job.h"

namespace banyan::server {
namespace {

CheckpointPart PartAt(Step step, uint64_t offset) {
  return {.term = 1, .step = step, .ranges = {{.file = "f", .offset = offset, .size = 1, .checksum = 2}}};
}

// Checkpoints at 2, 4 and 5.
class PartMergerTest : public testing::Test {
 protected:
  const ToyJob job_{{.leaves = 1, .steps = 5}};
  PartMerger merger_{job_.plan()};
};

TEST_F(PartMergerTest, MakesOnePartOfThoseOfAllShards) {
  merger_.Start(1, {}, 2);

  EXPECT_TRUE(merger_.Add(0, PartAt(2, 0)).empty());
  EXPECT_TRUE(merger_.Add(0, PartAt(2, 0)).empty()) << "told again to a new session";
  const std::vector<CheckpointPart> whole = merger_.Add(1, PartAt(2, 8));

  ASSERT_EQ(whole.size(), 1u);
  EXPECT_EQ(whole[0].step, 2u);
  EXPECT_EQ(whole[0].ranges.size(), 2u);
}

TEST_F(PartMergerTest, OneMissedOrFailedMakesTheWholeSo) {
  merger_.Start(1, {}, 2);
  merger_.Add(0, {.term = 1, .step = 2, .missed = true});
  merger_.Add(0, {.term = 1, .step = 4, .failure = "disk full"});

  EXPECT_TRUE(merger_.Add(1, PartAt(2, 8))[0].missed);
  EXPECT_EQ(merger_.Add(1, PartAt(4, 8))[0].failure, "disk full");
}

TEST_F(PartMergerTest, IgnoresPartsOfAnotherTerm) {
  merger_.Start(2, {}, 1);

  EXPECT_TRUE(merger_.Add(0, PartAt(2, 0)).empty());
}

TEST_F(PartMergerTest, AServerWithoutTensorsHasNothingToWriteAndSaysSo) {
  merger_.Start(1, {}, 0);
  const auto steps = [&](Step ordered, Step through) {
    std::vector<Step> list;
    for (const CheckpointPart& part : merger_.Empty(ordered, through)) list.push_back(part.step);
    return list;
  };

  EXPECT_EQ(steps(0, 0), (std::vector<Step>{0, 2}));
  EXPECT_EQ(steps(3, 2), (std::vector<Step>{3, 4}));
  EXPECT_EQ(steps(0, 4), (std::vector<Step>{5}));
  EXPECT_TRUE(steps(0, 5).empty());
}

}  // namespace
}  // namespace banyan::server
