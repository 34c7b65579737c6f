#include "coordinator/jobs/assigner.h"

#include "common/tree/balance.h"
#include "common/tree/pending.h"
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

std::vector<uint32_t> Equal(uint32_t leaves, size_t workers) {
  return BalanceShares(leaves, std::vector<WorkerPace>(workers));
}

TEST(AssignerTest, SharesPartitionTheStepWhoeverIsThere) {
  for (const uint32_t leaves : {1, 5, 8, 13, 64}) {
    Assigner assigner(Tree(leaves), 1);
    uint64_t version = 0;
    for (const auto& workers : {Workers({3}), Workers({3, 4, 9}), Workers({3, 9}), Workers({1, 2, 3, 4, 5, 6, 9})}) {
      const Assignment assignment = assigner.Assign(workers, Equal(leaves, workers.size()), 7);
      EXPECT_EQ(assignment.version, ++version);
      EXPECT_EQ(assignment.from_step, 7);
      EXPECT_EQ(assignment.shares.size(), workers.size());
      EXPECT_TRUE(Tree(leaves).IsPartition(AllNodes(assignment))) << leaves;
      EXPECT_GE(assignment.max_pending, 1);
      EXPECT_LE(assignment.max_pending, (leaves + 1) / 2);
    }
  }
}

TEST(AssignerTest, ALeafPlanIsKept) {
  Assigner assigner(Tree(8), 1);
  EXPECT_TRUE(assigner.CheckLeafPlan({5, 2, 1}).ok());
  const Assignment assignment = assigner.Assign(Workers({1, 2, 3, 4}), {5, 2, 1, 0}, 1);
  EXPECT_EQ(assignment.shares[0].nodes.size(), 2);
  EXPECT_EQ(assignment.shares[1].nodes.size(), 1);
  EXPECT_TRUE(assignment.shares[3].nodes.empty());
}

TEST(AssignerTest, AVersionIsInForceFromItsStepUntilALaterOne) {
  Assigner assigner(Tree(8), 1);
  EXPECT_EQ(assigner.InForce(100), nullptr);
  assigner.Assign(Workers({1, 2}), {4, 4}, 5);
  assigner.Assign(Workers({1, 2}), {6, 2}, 9);
  EXPECT_EQ(assigner.InForce(4), nullptr);
  EXPECT_EQ(assigner.InForce(8)->version, 1);
  EXPECT_EQ(assigner.InForce(9)->version, 2);
  assigner.Assign(Workers({1}), {8}, 7);
  EXPECT_EQ(assigner.InForce(7)->version, 3);
  EXPECT_EQ(assigner.InForce(9)->version, 3) << "the latest word counts";
}

TEST(AssignerTest, LeavesOfWhoIsGoneMoveInTheOpenStep) {
  Assigner assigner(Tree(8), 1);
  assigner.Assign(Workers({1, 2, 3}), {4, 2, 2}, 1);
  assigner.Assign(Workers({1, 2, 3}), {2, 2, 4}, 9);  // not in force yet
  LeafSet missing(8);
  missing.Add({0, 8});
  const Assignment moved = assigner.Move({{WorkerId(2), {}}, {WorkerId(3), {}}}, missing, /*open=*/7, /*from_step=*/1);
  EXPECT_EQ(moved.version, 3);
  EXPECT_EQ(moved.from_step, 1);
  EXPECT_EQ(assigner.InForce(7)->version, 3);
  ASSERT_EQ(moved.shares.size(), 2);
  EXPECT_TRUE(Tree(8).IsPartition(AllNodes(moved)));
  for (const Assignment::Share& share : moved.shares) {
    EXPECT_EQ(share.nodes, (std::vector<Node>{{1, share.worker.value() == 2 ? 0u : 1u},
                                              {1, share.worker.value() == 2 ? 2u : 3u}}))
        << "each keeps its own and gets half";
  }
}

// What is in force with some worker or other pends together, until a step has passed under the newest.
TEST(AssignerTest, RoomIsAnnouncedForAllVersionsThatSomebodyMayFollow) {
  Assigner assigner(Tree(16), 1);
  EXPECT_EQ(assigner.Assign(Workers({1, 2}), {8, 8}, 1).max_pending, 2);
  std::vector<std::vector<Node>> nodes = {{{3, 0}, {3, 1}}};
  for (const auto& shares : std::vector<std::vector<uint32_t>>{{7, 9}, {5, 11}, {11, 5}}) {
    const Assignment assignment = assigner.Assign(Workers({1, 2}), shares, 4);
    nodes.push_back(AllNodes(assignment));
    EXPECT_GE(assignment.max_pending, MaxPending(Tree(16), CommonRefinement(Tree(16), nodes)));
  }
  assigner.Settle(/*open=*/4, /*known=*/3);
  assigner.Settle(5, 3);
  EXPECT_EQ(assigner.InForce(4)->version, 4);
  assigner.Settle(5, 4);
  assigner.Settle(6, 4);
  EXPECT_EQ(assigner.Assign(Workers({1, 2}), {11, 5}, 8).max_pending,
            2 * MaxPending(Tree(16), AllNodes(*assigner.InForce(8))));
}

TEST(AssignerTest, ALeafPlanMustAddUp) {
  const absl::Status status = Assigner(Tree(8), 1).CheckLeafPlan({5, 2});
  EXPECT_EQ(status.message(), "leaf plan adds up to 7 leaves, a step has 8; give every worker's leaves, as in 5,2,1");
}

TEST(AssignerTest, VersionsCount) {
  Assigner assigner(Tree(8), 3);
  EXPECT_EQ(assigner.Assign(Workers({1}), {8}, 1).version, 3);
  EXPECT_EQ(assigner.Assign(Workers({1}), {8}, 1).version, 4);
  EXPECT_EQ(assigner.next_version(), 5);
}

}  // namespace
}  // namespace banyan::coordinator
