#include "worker/training/action.h"

#include "gtest/gtest.h"

namespace banyan::worker {
namespace {

using enum ActionKind;

// What stage 0 or 1 of two does with a leaf.
void Forward(Schedule& schedule, uint32_t stage, uint32_t leaf) {
  auto& list = schedule[stage];
  if (stage == 0) {
    list.push_back({kLoad, 0, leaf});
    list.push_back({kForward, 0, leaf});
    list.push_back({kSend, 0, leaf, 1});
  } else {
    list.push_back({kReceive, 1, leaf, 0});
    list.push_back({kForward, 1, leaf});
  }
}

void Backward(Schedule& schedule, uint32_t stage, uint32_t leaf) {
  auto& list = schedule[stage];
  if (stage == 0) list.push_back({kReceive, 0, leaf, 1, true});
  list.push_back({kBackward, stage, leaf});
  if (stage == 1) list.push_back({kSend, 1, leaf, 0, true});
  list.push_back({kPush, stage, leaf});
}

Schedule GPipe(uint32_t leaves) {
  Schedule schedule(2);
  for (uint32_t stage = 0; stage < 2; ++stage) {
    for (uint32_t leaf = 0; leaf < leaves; ++leaf) Forward(schedule, stage, leaf);
    for (uint32_t leaf = 0; leaf < leaves; ++leaf) Backward(schedule, stage, leaf);
  }
  return schedule;
}

Schedule OneForwardOneBackward(uint32_t leaves) {
  Schedule schedule(2);
  Forward(schedule, 0, 0);
  for (uint32_t leaf = 0; leaf < leaves; ++leaf) {
    if (leaf + 1 < leaves) Forward(schedule, 0, leaf + 1);
    Backward(schedule, 0, leaf);
    Forward(schedule, 1, leaf);
    Backward(schedule, 1, leaf);
  }
  return schedule;
}

std::string Error(const Schedule& schedule, uint32_t sets) {
  return std::string(CheckSchedule(schedule, {.activation_sets = sets}).message());
}

TEST(ActionTest, SingleStageRunsThrough) {
  const uint32_t leaves[] = {0, 3};
  const Schedule schedule = MakeSingleStage(Pass::kTrain, leaves);
  EXPECT_EQ(schedule[0].size(), 9u);
  EXPECT_EQ(Error(schedule, 1), "");
  EXPECT_EQ(Error(MakeSingleStage(Pass::kEvaluate, leaves), 1), "");
}

TEST(ActionTest, PipelinesRunThroughInTheirMemory) {
  EXPECT_EQ(Error(GPipe(4), 4), "");
  EXPECT_EQ(Error(GPipe(4), 3), "FORWARD stage 0 leaf 3: 4 leaves would hold activations, there is room for 3");
  EXPECT_EQ(Error(OneForwardOneBackward(4), 2), "");
  EXPECT_EQ(Error(OneForwardOneBackward(4), 1),
            "FORWARD stage 0 leaf 1: 2 leaves would hold activations, there is room for 1");
}

TEST(ActionTest, NamesWhoWaitsForEver) {
  Schedule schedule(2);
  Forward(schedule, 0, 0);
  Backward(schedule, 0, 0);
  Forward(schedule, 0, 1);
  Backward(schedule, 0, 1);
  Forward(schedule, 1, 1);
  Forward(schedule, 1, 0);
  Backward(schedule, 1, 0);
  Backward(schedule, 1, 1);
  EXPECT_EQ(Error(schedule, 2), "RECV stage 0 leaf 0 from stage 1: waits for ever: nobody sends it before waiting itself");
}

TEST(ActionTest, NamesWhatIsMissing) {
  EXPECT_EQ(Error({{{kForward, 0, 2}}}, 1), "FORWARD stage 0 leaf 2: its input is not there");
  EXPECT_EQ(Error({{{kLoad, 0, 2}, {kBackward, 0, 2}}}, 1), "BACKWARD stage 0 leaf 2: its forward has not run");
  EXPECT_EQ(Error({{{kLoad, 0, 2}, {kForward, 0, 2}}}, 1), "stage 0 never pushes leaf 2");
  EXPECT_EQ(Error({{{kLoad, 0, 2}, {kLoad, 0, 2}}}, 1), "LOAD stage 0 leaf 2: has been done before");
  Schedule schedule = GPipe(1);
  std::erase_if(schedule[1], [](const Action& action) { return action.kind == kReceive; });
  EXPECT_EQ(Error(schedule, 1), "FORWARD stage 1 leaf 0: its input is not there");
}

}  // namespace
}  // namespace banyan::worker
