#include "worker/compute/memory_plan.h"

#include <random>

#include "gtest/gtest.h"

namespace banyan::worker {
namespace {

TEST(MemoryPlanTest, BlocksOfOneMomentStandApart) {
  const std::vector<Lifetime> blocks = {{100, 0, 3}, {100, 1, 2}, {50, 3, 4}};
  const MemoryPlan plan = PlanMemory(blocks);
  EXPECT_EQ(plan.bytes, 256);
  EXPECT_EQ(plan.offsets, (std::vector<int64_t>{0, 128, 128}));
}

TEST(MemoryPlanTest, AForwardAndBackwardPassReuseMemory) {
  // Ten activations that live from forward i to backward 19 - i, and their short-lived gradients.
  std::vector<Lifetime> blocks;
  for (int i = 0; i < 10; ++i) {
    blocks.push_back({.bytes = 640, .first = i, .last = 19 - i});
    blocks.push_back({.bytes = 640, .first = 18 - i, .last = 19 - i});
  }
  // At moment 10 nine activations and two gradients live, or ten activations and one.
  EXPECT_LE(PlanMemory(blocks).bytes, 12 * 640);
}

TEST(MemoryPlanTest, RandomPlansNeverOverlap) {
  std::mt19937 generator(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<Lifetime> blocks(1 + generator() % 40);
    for (Lifetime& block : blocks) {
      block.first = static_cast<int32_t>(generator() % 30);
      block.last = block.first + static_cast<int32_t>(generator() % 10);
      block.bytes = static_cast<int64_t>(generator() % 1000);
    }
    const MemoryPlan plan = PlanMemory(blocks);
    for (size_t a = 0; a < blocks.size(); ++a) {
      EXPECT_EQ(plan.offsets[a] % 64, 0);
      EXPECT_LE(plan.offsets[a] + blocks[a].bytes, plan.bytes);
      for (size_t b = 0; b < a; ++b) {
        if (blocks[a].last < blocks[b].first || blocks[b].last < blocks[a].first) continue;
        const bool apart = plan.offsets[a] + blocks[a].bytes <= plan.offsets[b] ||
                           plan.offsets[b] + blocks[b].bytes <= plan.offsets[a];
        EXPECT_TRUE(apart) << "round " << round;
      }
    }
  }
}

}  // namespace
}  // namespace banyan::worker
