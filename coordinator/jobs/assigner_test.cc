#include "coordinator/jobs/assigner.h"

#include "gtest/gtest.h"

namespace banyan::coordinator {
namespace {

std::vector<WorkerId> Workers(std::initializer_list<uint64_t> ids) {
  std::vector<WorkerId> workers;
  for (const uint64_t id : ids) workers.emplace_back(id);
  return workers;
}

std::vector<Node> AllNodes(const Assignment& assignment) {
  std::vector<Node> nodes;
  for (const Assignment::Share& share : assignment.shares) {
    nodes.insert(nodes.end(), share.nodes.begin(), share.nodes.end());
  }
  return nodes;
}

TEST(AssignerTest, SharesPartitionTheStepWhoeverIsThere) {
  for (const uint32_t leaves : {1, 5, 8, 13, 64}) {
    Assigner assigner(Tree(leaves), 1);
    uint64_t version = 0;
    for (const auto& workers : {Workers({3}), Workers({3, 4, 9}), Workers({3, 9}), Workers({1, 2, 3, 4, 5, 6, 9})}) {
      const Assignment assignment = assigner.Assign(workers, {}, 7);
      EXPECT_EQ(assignment.version, ++version);
      EXPECT_EQ(assignment.from_step, 7);
      EXPECT_EQ(assignment.shares.size(), workers.size());
      EXPECT_TRUE(Tree(leaves).IsPartition(AllNodes(assignment))) << leaves;
      EXPECT_GE(assignment.max_pending, 1);
      EXPECT_LE(assignment.max_pending, (leaves + 1) / 2);
    }
  }
}

TEST(AssignerTest, ALeafPlanIsKeptAndZerosAtItsEndMayBeLeftOut) {
  Assigner assigner(Tree(8), 1);
  EXPECT_TRUE(assigner.CheckLeafPlan({5, 2, 1}).ok());
  const Assignment assignment = assigner.Assign(Workers({1, 2, 3, 4}), {5, 2, 1}, 1);
  EXPECT_EQ(assignment.shares[0].nodes.size(), 2);
  EXPECT_EQ(assignment.shares[1].nodes.size(), 1);
  EXPECT_TRUE(assignment.shares[3].nodes.empty());
}

TEST(AssignerTest, ALeafPlanMustAddUp) {
  const absl::Status status = Assigner(Tree(8), 1).CheckLeafPlan({5, 2});
  EXPECT_EQ(status.message(), "leaf plan adds up to 7 leaves, a step has 8; give every worker's leaves, as in 5,2,1");
}

TEST(AssignerTest, VersionsGoOnAfterThoseOfAFormerLife) {
  Assigner assigner(Tree(8), 3);
  assigner.Seen(1);
  EXPECT_EQ(assigner.Assign(Workers({1}), {}, 1).version, 3);
  assigner.Seen(9);
  EXPECT_EQ(assigner.Assign(Workers({1}), {}, 1).version, 10);
}

}  // namespace
}  // namespace banyan::coordinator
