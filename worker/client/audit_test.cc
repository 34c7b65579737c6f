#include "worker/client/audit.h"

#include "gtest/gtest.h"

namespace banyan::worker {
namespace {

TEST(AuditTest, TheShareOfLeavesIsRight) {
  int audited = 0;
  for (Step step = 1; step <= 1000; ++step) {
    for (uint32_t leaf = 0; leaf < 100; ++leaf) {
      audited += IsAudited(7, 0.01, step, leaf) ? 1 : 0;
      ASSERT_FALSE(IsAudited(7, 0, step, leaf));
      ASSERT_TRUE(IsAudited(7, 1, step, leaf));
    }
  }
  EXPECT_NEAR(audited, 1000, 150);
}

TEST(AuditTest, EveryAuditedLeafHasOneAuditorAndItIsAnotherWorker) {
  const Tree tree(13);
  const Assignment assignment = {.shares = {{WorkerId(3), {{2, 0}}},
                                            {WorkerId(4), {}},
                                            {WorkerId(6), {{2, 1}}},
                                            {WorkerId(9), {{2, 2}, {0, 12}}}}};
  std::vector<int> audits(13, 0);
  for (const Assignment::Share& share : assignment.shares) {
    for (const uint32_t leaf : AuditsOf(share.worker, assignment, tree, 1, 1.0, 5)) {
      ++audits[leaf];
      for (const Node& node : share.nodes) EXPECT_FALSE(tree.Leaves(node).begin <= leaf && leaf < tree.Leaves(node).end);
    }
  }
  EXPECT_EQ(audits, std::vector<int>(13, 1));
  EXPECT_TRUE(AuditsOf(WorkerId(4), assignment, tree, 1, 1.0, 5).empty());
}

TEST(AuditTest, OneWorkerHasNobodyToCompareWith) {
  const Assignment assignment = {.shares = {{WorkerId(3), {{3, 0}}}, {WorkerId(4), {}}}};
  EXPECT_TRUE(AuditsOf(WorkerId(3), assignment, Tree(8), 1, 1.0, 5).empty());
}

}  // namespace
}  // namespace banyan::worker
