#include "worker/client/leaf_targets.h"

#include <vector>

#include "gtest/gtest.h"

namespace banyan::worker {
namespace {

using LeafState = LeafTargets::LeafState;

class LeafTargetsTest : public testing::Test {
 protected:
  LeafSet Set(std::vector<uint32_t> leaves) const {
    LeafSet set(8);
    for (const uint32_t leaf : leaves) set.Add(leaf);
    return set;
  }
  void Retarget(std::vector<uint32_t> assigned, std::vector<uint32_t> settled = {}) {
    outputs_ = targets_.Retarget(Pass::kTrain, Set(assigned), Set(settled));
  }
  std::vector<Node> Nodes() const {
    std::vector<Node> nodes;
    for (const auto& [id, target] : targets_.all()) nodes.push_back(target.node);
    return nodes;
  }
  void Begin(uint32_t leaf) {
    LeafTargets::Target* target = targets_.FindByLeaf(Pass::kTrain, leaf);
    target->leaves[leaf - target->first_leaf] = LeafState::kRunning;
  }

  LeafTargets targets_{Tree(8), 2};
  std::vector<StepOutput> outputs_;
};

TEST_F(LeafTargetsTest, TargetsAreTheLargestNodesOfWhatIsAssigned) {
  Retarget({0, 1, 2, 3, 6});
  EXPECT_EQ(Nodes(), std::vector<Node>({{2, 0}, {0, 6}}));
}

TEST_F(LeafTargetsTest, WhatTheServersHaveIsLeftOut) {
  Retarget({0, 1, 2, 3}, {1});
  EXPECT_EQ(Nodes(), std::vector<Node>({{0, 0}, {1, 1}}));
}

TEST_F(LeafTargetsTest, MoreLeavesBecomeTargetsOfTheirOwn) {
  Retarget({0, 1});
  Retarget({0, 1, 2, 3});
  EXPECT_EQ(Nodes(), std::vector<Node>({{1, 0}, {1, 1}}));
}

TEST_F(LeafTargetsTest, FewerLeavesLeaveWhatHasBegun) {
  Retarget({0, 1, 2, 3, 4, 5, 6, 7});
  Begin(0);
  Begin(1);
  Begin(4);
  Retarget({});
  EXPECT_EQ(Nodes(), std::vector<Node>({{1, 0}, {0, 4}}));
  ASSERT_EQ(outputs_.size(), 1u);
  EXPECT_EQ(std::get<SplitTarget>(outputs_[0]).node, (Node{3, 0}));
  EXPECT_TRUE(targets_.FindByLeaf(Pass::kTrain, 1)->AllBegun());
}

TEST_F(LeafTargetsTest, ATargetThatHasBegunWhollyStays) {
  Retarget({0, 1});
  Begin(0);
  Begin(1);
  Retarget({4});
  EXPECT_EQ(Nodes(), std::vector<Node>({{1, 0}, {0, 4}}));
}

TEST_F(LeafTargetsTest, ADroppedTargetIsComputedAgain) {
  Retarget({0, 1});
  LeafTargets::Target* target = targets_.FindByNode(Pass::kTrain, {1, 0});
  target->leaves = {LeafState::kDone, LeafState::kDone};
  target->slots[0] = {LeafTargets::Slot::State::kSettled, PartialReady{}};
  target->slots[1] = {LeafTargets::Slot::State::kReady, PartialReady{}};
  targets_.Drop(*target);
  EXPECT_EQ(target->leaves[0], LeafState::kTodo);
  EXPECT_EQ(target->slots[0].state, LeafTargets::Slot::State::kSettled);
  EXPECT_EQ(target->slots[1].state, LeafTargets::Slot::State::kMissing);
  EXPECT_FALSE(target->slots[1].partial.has_value());
}

}  // namespace
}  // namespace banyan::worker
