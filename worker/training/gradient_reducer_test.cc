#include "worker/training/gradient_reducer.h"

#include <cstring>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace banyan::worker {
namespace {

// Two chunks: the second has a gap of four floats before its second piece.
GradientLayout Layout() {
  GradientLayout layout;
  layout.set_size = 64;
  layout.positions.push_back({.size = 4, .pieces = {{0, 0, 4}}});
  layout.positions.push_back({.size = 12, .pieces = {{16, 0, 4}, {32, 8, 4}}});
  return layout;
}

// Numbers whose sum depends on the order.
float Value(uint32_t leaf, size_t i) {
  return (leaf % 3 == 0 ? 1e6f : 1e-2f) * (1.0f + 0.37f * static_cast<float>(leaf + 1) + static_cast<float>(i));
}

class GradientReducerTest : public testing::Test {
 protected:
  explicit GradientReducerTest(uint32_t leaves = 8)
      : tree_(leaves), reducer_({.leaves = leaves, .layout = Layout()}, &pool_) {
    reducer_.Begin(1);
  }

  void Fill(LeafRun& run) {
    for (size_t i = 0; i < run.set->floats().size(); ++i) run.set->floats()[i] = Value(run.leaf, i);
    run.weight = 1;
    run.loss = 0.1 * (run.leaf + 1);
  }
  void Compute(uint32_t leaf) {
    LeafRun run;
    ASSERT_TRUE(reducer_.Start(leaf, Pass::kTrain, run));
    Fill(run);
    reducer_.Deliver(run, 0);
    reducer_.Deliver(run, 1);
    reducer_.Finish(run);
  }
  float Expected(Node node, size_t i) const {
    return FoldTree<float>(tree_, node, [&](uint32_t leaf) { return Value(leaf, i); },
                           [](float a, float b) { return a + b; });
  }
  static std::vector<float> Floats(const Payload& data) {
    std::vector<float> floats(data.size() / sizeof(float));
    data.CopyTo(std::as_writable_bytes(std::span(floats)));
    return floats;
  }

  const Tree tree_;
  GradientSetPool pool_{64, 6};
  GradientReducer reducer_;
};

TEST_F(GradientReducerTest, SumsATargetInTreeOrderWhateverTheOrderOfLeaves) {
  for (const std::vector<uint32_t>& order : {std::vector<uint32_t>{4, 5, 6, 7}, {7, 6, 5, 4}, {5, 7, 4, 6}}) {
    reducer_.Begin(1);
    reducer_.AddTarget(Pass::kTrain, {2, 1});
    for (const uint32_t leaf : order) Compute(leaf);
    const std::vector<PartialReady> ready = reducer_.TakeReady();
    ASSERT_EQ(ready.size(), 2u);
    EXPECT_EQ(ready[0].node, (Node{2, 1}));
    EXPECT_EQ(ready[0].weight, 4);
    EXPECT_EQ(ready[0].loss, (0.1 * 5 + 0.1 * 6) + (0.1 * 7 + 0.1 * 8));
    for (size_t i = 0; i < 4; ++i) EXPECT_EQ(Floats(ready[0].data)[i], Expected({2, 1}, i));
    for (size_t i = 0; i < 4; ++i) EXPECT_EQ(Floats(ready[1].data)[i], Expected({2, 1}, 16 + i));
  }
}

TEST_F(GradientReducerTest, GapsBetweenSegmentsAreZero) {
  reducer_.AddTarget(Pass::kTrain, {0, 3});
  Compute(3);
  const std::vector<PartialReady> ready = reducer_.TakeReady();
  const std::vector<float> chunk = Floats(ready[1].data);
  ASSERT_EQ(chunk.size(), 12u);
  for (size_t i = 4; i < 8; ++i) EXPECT_EQ(chunk[i], 0.0f);
  EXPECT_EQ(chunk[8], Value(3, 32));
}

TEST_F(GradientReducerTest, ASetIsUsedAgainOnlyWhenNothingRefersToIt) {
  reducer_.AddTarget(Pass::kTrain, {1, 0});
  Compute(0);
  EXPECT_EQ(pool_.free(), 5u);
  Compute(1);
  EXPECT_EQ(pool_.free(), 5u);  // the second leaf's set is joined into the first's
  std::vector<PartialReady> ready = reducer_.TakeReady();
  Payload kept = ready[0].data;
  ready.clear();
  EXPECT_EQ(pool_.free(), 5u);
  kept = Payload();
  EXPECT_EQ(pool_.free(), 6u);
}

TEST_F(GradientReducerTest, ARunOfLeavesTakesALogarithmOfSets) {
  reducer_.AddTarget(Pass::kTrain, {3, 0});
  size_t most = 0;
  for (uint32_t leaf = 0; leaf < 8; ++leaf) {
    Compute(leaf);
    most = std::max(most, pool_.allocated());
  }
  EXPECT_EQ(most, 4u);  // 1 + log2(8)
}

TEST_F(GradientReducerTest, WithoutAFreeSetALeafDoesNotStart) {
  reducer_.AddTarget(Pass::kTrain, {3, 0});
  std::vector<LeafRun> runs(7);
  for (uint32_t leaf = 0; leaf < 6; ++leaf) EXPECT_TRUE(reducer_.Start(leaf, Pass::kTrain, runs[leaf]));
  EXPECT_FALSE(reducer_.Start(6, Pass::kTrain, runs[6]));
  for (uint32_t leaf = 0; leaf < 6; ++leaf) reducer_.Finish(runs[leaf]);
}

TEST_F(GradientReducerTest, WhatALeafDoesNotDeliverIsZero) {
  reducer_.AddTarget(Pass::kTrain, {0, 2});
  LeafRun run;
  ASSERT_TRUE(reducer_.Start(2, Pass::kTrain, run));
  Fill(run);
  reducer_.Deliver(run, 0);
  reducer_.Finish(run);
  const std::vector<PartialReady> ready = reducer_.TakeReady();
  ASSERT_EQ(ready.size(), 2u);
  for (const float value : Floats(ready[1].data)) EXPECT_EQ(value, 0.0f);
}

TEST_F(GradientReducerTest, SplittingKeepsWhatIsComputed) {
  reducer_.AddTarget(Pass::kTrain, {3, 0});
  Compute(0);
  Compute(1);
  Compute(4);
  reducer_.SplitTarget(Pass::kTrain, {3, 0}, {{1, 0}, {1, 2}});
  EXPECT_EQ(reducer_.TakeReady().size(), 2u);  // (1,0) of both positions
  Compute(5);
  const std::vector<PartialReady> ready = reducer_.TakeReady();
  ASSERT_EQ(ready.size(), 2u);
  EXPECT_EQ(ready[0].node, (Node{1, 2}));
  EXPECT_EQ(Floats(ready[0].data)[1], Expected({1, 2}, 1));
}

TEST_F(GradientReducerTest, AnEarlierGenerationIsForgotten) {
  reducer_.AddTarget(Pass::kTrain, {1, 0});
  Compute(0);
  LeafRun late;
  ASSERT_TRUE(reducer_.Start(1, Pass::kTrain, late));
  Fill(late);
  reducer_.Begin(2);
  reducer_.AddTarget(Pass::kTrain, {1, 0});
  reducer_.Deliver(late, 0);
  reducer_.Finish(late);
  EXPECT_TRUE(reducer_.TakeReady().empty());
  EXPECT_EQ(pool_.free(), 6u);
}

TEST_F(GradientReducerTest, ADroppedTargetGivesItsSetsBack) {
  reducer_.AddTarget(Pass::kTrain, {2, 0});
  Compute(0);
  Compute(2);
  reducer_.DropTarget(Pass::kTrain, {2, 0});
  EXPECT_EQ(pool_.free(), 6u);
  for (uint32_t leaf = 0; leaf < 4; ++leaf) Compute(leaf);
  EXPECT_EQ(reducer_.TakeReady().size(), 2u);
}

TEST_F(GradientReducerTest, EvaluationSumsWeightsAndLossesOnly) {
  reducer_.AddTarget(Pass::kEvaluate, {1, 1});
  for (const uint32_t leaf : {3u, 2u}) {
    LeafRun run;
    ASSERT_TRUE(reducer_.Start(leaf, Pass::kEvaluate, run));
    run.weight = leaf;
    run.loss = 0.5 * leaf;
    reducer_.Finish(run);
  }
  const std::vector<PartialReady> ready = reducer_.TakeReady();
  ASSERT_EQ(ready.size(), 1u);
  EXPECT_EQ(ready[0].pass, Pass::kEvaluate);
  EXPECT_EQ(ready[0].weight, 5);
  EXPECT_EQ(ready[0].loss, 2.5);
  EXPECT_TRUE(ready[0].data.empty());
}

TEST_F(GradientReducerTest, ThreadsGiveTheSameBits) {
  for (int round = 0; round < 20; ++round) {
    reducer_.Begin(round + 2);
    reducer_.AddTarget(Pass::kTrain, {3, 0});
    std::vector<LeafRun> runs(8);
    for (uint32_t first = 0; first < 8; first += 2) {
      std::vector<std::thread> threads;
      for (uint32_t leaf = first; leaf < first + 2; ++leaf) {
        ASSERT_TRUE(reducer_.Start(leaf, Pass::kTrain, runs[leaf]));
        threads.emplace_back([&, leaf] {
          Fill(runs[leaf]);
          reducer_.Deliver(runs[leaf], 0);
          reducer_.Deliver(runs[leaf], 1);
          reducer_.Finish(runs[leaf]);
        });
      }
      for (std::thread& thread : threads) thread.join();
    }
    for (const PartialReady& ready : reducer_.TakeReady()) {
      const size_t offset = ready.position == 0 ? 0 : 16;
      EXPECT_EQ(Floats(ready.data)[0], Expected({3, 0}, offset));
    }
  }
}

// Hashed before it is joined, which is done in place; two workers that compute the same hash the same.
TEST_F(GradientReducerTest, AnAuditedLeafIsHashedAndInNoSum) {
  const auto hashes = [&](uint32_t leaf, Pass pass) {
    LeafRun run;
    EXPECT_TRUE(reducer_.Start(leaf, pass, run, /*fingerprints=*/true));
    Fill(run);
    reducer_.Deliver(run, 0);
    reducer_.Deliver(run, 1);
    reducer_.Finish(run);
    return run.fingerprints;
  };
  reducer_.AddTarget(Pass::kTrain, {1, 0});
  const std::vector<uint64_t> audited = hashes(1, Pass::kAudit);
  EXPECT_EQ(audited.size(), 3u);
  EXPECT_TRUE(reducer_.TakeReady().empty());
  EXPECT_EQ(pool_.free(), 6u);
  Compute(0);
  EXPECT_EQ(hashes(1, Pass::kTrain), audited);
  EXPECT_EQ(reducer_.TakeReady().size(), 2u);
  const std::vector<uint64_t> other = hashes(2, Pass::kAudit);
  for (size_t i = 0; i < 3; ++i) EXPECT_NE(other[i], audited[i]) << i;
}

}  // namespace
}  // namespace banyan::worker
