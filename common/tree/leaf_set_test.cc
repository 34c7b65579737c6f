#include "common/tree/leaf_set.h"

#include <random>
#include <set>

#include "gtest/gtest.h"

namespace banyan {
namespace {

TEST(LeafSetTest, AgreesWithASetUnderRandomChanges) {
  std::mt19937 random(1);
  for (const uint32_t leaves : {1u, 7u, 8u, 63u, 64u, 65u, 200u}) {
    LeafSet set(leaves);
    std::set<uint32_t> expected;
    for (int i = 0; i < 300; ++i) {
      const uint32_t begin = random() % leaves;
      const uint32_t end = begin + random() % (leaves - begin + 1);
      const bool add = random() % 3 != 0;
      for (uint32_t leaf = begin; leaf < end; ++leaf) add ? (void)expected.insert(leaf) : (void)expected.erase(leaf);
      add ? set.Add({begin, end}) : set.Remove({begin, end});
      ASSERT_EQ(set.count(), expected.size());
      const uint32_t from = random() % leaves;
      uint32_t count = 0;
      for (const uint32_t leaf : expected) count += leaf >= from ? 1 : 0;
      ASSERT_EQ(set.Count({from, leaves}), count);
      ASSERT_EQ(set.ContainsAll({from, leaves}), count == leaves - from);
      ASSERT_EQ(set.ContainsAny({from, leaves}), count > 0);
      for (uint32_t leaf = 0; leaf < leaves; ++leaf) ASSERT_EQ(set.Contains(leaf), expected.count(leaf) == 1);
      const LeafSet copy = LeafSet::FromBytes(leaves, set.ToBytes()).value();
      ASSERT_EQ(copy, set);
      LeafSet both = set.Complement();
      ASSERT_EQ(both.count(), leaves - set.count());
      both.AddAll(set);
      ASSERT_TRUE(both.full());
    }
  }
}

TEST(LeafSetTest, BytesHaveTheLowestLeafInTheLowestBit) {
  LeafSet set(11);
  set.Add(0);
  set.Add(3);
  set.Add(9);
  EXPECT_EQ(set.ToBytes(), (std::vector<uint8_t>{0b00001001, 0b00000010}));
  set.Clear();
  EXPECT_TRUE(set.empty());
}

TEST(LeafSetTest, RefusesBytesOfAnotherSize) {
  EXPECT_EQ(LeafSet::FromBytes(11, std::vector<uint8_t>{1}).status().message(),
            "set of 11 leaves has 1 bytes, expected 2");
  EXPECT_EQ(LeafSet::FromBytes(8, std::vector<uint8_t>{1, 0}).status().message(),
            "set of 8 leaves has 2 bytes, expected 1");
  EXPECT_EQ(LeafSet::FromBytes(11, std::vector<uint8_t>{255, 8}).status().message(),
            "set of 11 leaves has bits set beyond leaf 10");
  EXPECT_TRUE(LeafSet::FromBytes(11, std::vector<uint8_t>{255, 7})->full());
}

TEST(LeafSetTest, RangesAreMaximalRuns) {
  LeafSet set(70);
  EXPECT_TRUE(set.Ranges().empty());
  set.Add({2, 5});
  set.Add({60, 70});
  set.Add(7);
  EXPECT_EQ(set.Ranges(), (std::vector<LeafRange>{{2, 5}, {7, 8}, {60, 70}}));
}

}  // namespace
}  // namespace banyan
