#include "worker/client/step_machine.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace banyan::worker {
namespace {

// A worker with the whole tree of two leaves; two servers with a chunk each, the evaluation chunk on the second.
class StepMachineTest : public testing::Test {
 protected:
  explicit StepMachineTest(double audit = 0)
      : machine_({.worker = WorkerId(1),
                  .incarnation = Incarnation(7),
                  .leaves = 2,
                  .chunks = 2,
                  .positions = {{ChunkId(0), 0}, {ChunkId(1), 0}},
                  .steps = 3,
                  .evaluate = [](Step step) { return step == 2; },
                  .audit = audit}) {}

  ChunkMap Map(Epoch epoch, uint32_t primary_of_second = 1) {
    ChunkMap map{.epoch = epoch, .servers = {}, .owners = {}};
    for (uint64_t i = 0; i < 3; ++i) map.servers.push_back({ServerId(i), Incarnation(i), "host:1", 1});
    map.owners = {{0, {}, {}}, {primary_of_second, {}, {}}, {primary_of_second, {}, {}}};
    return map;
  }
  static JobOrder NewOrder(Term term) {
    JobOrder order;
    order.coordinator_term = 1;
    order.term = term;
    return order;
  }
  void Order(Epoch epoch, std::vector<Node> nodes, Term term = 1, uint64_t version = 1, uint32_t primary = 1) {
    JobOrder order = NewOrder(term);
    order.map = Map(epoch, primary);
    order.assignment = Assignment{.version = version, .from_step = 1, .shares = {{WorkerId(1), std::move(nodes)}}};
    order.state = JobState::kRunning;
    machine_.OnOrder(order);
  }
  // Takes what the machine wants; streams are remembered by server.
  std::vector<StepOutput> Advance() {
    std::vector<StepOutput> all;
    while (true) {
      std::vector<StepOutput> outputs = machine_.Advance({.lanes = lanes_, .sets = sets_});
      if (outputs.empty()) return all;
      for (StepOutput& output : outputs) {
        if (auto* open = std::get_if<OpenStream>(&output)) streams_[open->peer.server] = open->stream;
        if (auto* send = std::get_if<Send>(&output)) machine_.OnWritten(send->stream);
        if (auto* begin = std::get_if<BeginStep>(&output)) generation_ = begin->generation;
        if (std::get_if<ComputeLeaf>(&output)) --lanes_;
        all.push_back(std::move(output));
      }
    }
  }
  template <typename T>
  static std::vector<T> Only(const std::vector<StepOutput>& outputs) {
    std::vector<T> only;
    for (const StepOutput& output : outputs) {
      if (const T* one = std::get_if<T>(&output)) only.push_back(*one);
    }
    return only;
  }
  template <typename T>
  static std::vector<T> Sent(const std::vector<StepOutput>& outputs) {
    std::vector<T> only;
    for (const Send& send : Only<Send>(outputs)) {
      if (const T* one = std::get_if<T>(&send.message)) only.push_back(*one);
    }
    return only;
  }
  void SayState(uint64_t server, Step done, uint32_t window = 1, Epoch epoch = 1, Term term = 1) {
    State state{.term = term, .epoch = epoch, .done_through = done, .window_end = window, .chunks = {}, .map = {}};
    machine_.OnMessage(streams_.at(ServerId(server)), state);
  }
  void SayWeights(uint64_t server, uint32_t chunk, Step step, Step done, Epoch epoch = 1, Term term = 1) {
    machine_.OnMessage(streams_.at(ServerId(server)), banyan::Weights{.term = term,
                                                              .epoch = epoch,
                                                              .step = step,
                                                              .chunk = ChunkId(chunk),
                                                              .ledger = {},
                                                              .done_through = done,
                                                              .window_end = 1,
                                                              .data = {}});
  }
  void Finish(uint32_t leaf) {
    ++lanes_;
    machine_.OnLeafComputed(generation_, leaf, Pass::kTrain);
  }
  void Ready(uint32_t position, Node node) {
    machine_.OnPartialReady({.generation = generation_, .position = position, .node = node, .data = {}});
  }
  // Up to the point where it computes leaf 0 and 1 of step 1 as (1,0).
  void Start() {
    Order(1, {{1, 0}});
    Advance();
    SayState(0, 0);
    SayState(1, 0);
    Advance();
    SayWeights(0, 0, 0, 0);
    SayWeights(1, 1, 0, 0);
    EXPECT_EQ(Only<ComputeLeaf>(Advance()).size(), 2u);
  }
  void ComputeStep() {
    Ready(0, {1, 0});
    Ready(1, {1, 0});
    Finish(0);
    Finish(1);
  }

  StepMachine machine_;
  std::map<ServerId, StreamId> streams_;
  Generation generation_ = 0;
  uint32_t lanes_ = 2;
  uint32_t sets_ = 4;
};

TEST_F(StepMachineTest, ANewWorkerPullsAtTheLowestDoneThrough) {
  Order(1, {{1, 0}});
  EXPECT_EQ(Only<OpenStream>(Advance()).size(), 2u);
  SayState(0, 2);
  EXPECT_TRUE(Advance().empty());  // one mark is not enough
  SayState(1, 1);
  const std::vector<Pull> pulls = Sent<Pull>(Advance());
  ASSERT_EQ(pulls.size(), 2u);
  EXPECT_EQ(pulls[0].step, 1u);
  EXPECT_EQ(pulls[1].step, 1u);
  EXPECT_EQ(machine_.open_step(), 2u);
}

TEST_F(StepMachineTest, ComputesOnlyWhenAllWeightsAreOfTheStepBefore) {
  Order(1, {{1, 0}});
  Advance();
  SayState(0, 0);
  SayState(1, 0);
  Advance();
  SayWeights(0, 0, 0, 0);
  EXPECT_TRUE(Only<ComputeLeaf>(Advance()).empty());
  const std::vector<Wait> waits = machine_.Waits();
  ASSERT_EQ(waits.size(), 1u);
  EXPECT_EQ(waits[0].what, "weights");
  EXPECT_EQ(waits[0].parties, std::vector<uint64_t>({1}));
  SayWeights(1, 1, 0, 0);
  EXPECT_EQ(Only<ComputeLeaf>(Advance()).size(), 2u);
  EXPECT_TRUE(machine_.Waits().empty());
  EXPECT_TRUE(machine_.ready());
}

TEST_F(StepMachineTest, PushesAPartialWhileTheLeafIsStillComputed) {
  Start();
  Ready(0, {1, 0});
  const std::vector<Push> pushes = Sent<Push>(Advance());
  ASSERT_EQ(pushes.size(), 1u);
  EXPECT_EQ(pushes[0].chunk, ChunkId(0));
  EXPECT_EQ(pushes[0].step, 1u);
}

TEST_F(StepMachineTest, NothingIsPushedBeyondTheWindow) {
  Start();
  SayState(0, 0, 0);
  Ready(0, {1, 0});
  EXPECT_TRUE(Sent<Push>(Advance()).empty());
  SayState(0, 0, 1);
  EXPECT_EQ(Sent<Push>(Advance()).size(), 1u);
}

TEST_F(StepMachineTest, WeightsWaitForTheLeavesUnderWay) {
  Start();
  SayWeights(0, 0, 1, 1);
  EXPECT_TRUE(Only<Install>(Advance()).empty());
  ComputeStep();
  const std::vector<Install> installed = Only<Install>(Advance());
  ASSERT_EQ(installed.size(), 1u);
  EXPECT_EQ(installed[0].step, 1u);
}

TEST_F(StepMachineTest, AStepBeginsWhenTheOneBeforeIsDoneEverywhere) {
  Start();
  ComputeStep();
  Advance();
  SayWeights(0, 0, 1, 1);
  SayWeights(1, 1, 1, 0);  // all weights are here, but the second server is not done (rule R4)
  EXPECT_TRUE(Only<ComputeLeaf>(Advance()).empty());
  EXPECT_EQ(machine_.open_step(), 1u);
  machine_.OnMessage(streams_.at(ServerId(1)),
                     banyan::Weights{.term = 1,
                                     .epoch = 1,
                                     .chunk = {},
                                     .ledger = {},
                                     .done_through = 1,
                                     .window_end = 1,
                                     .data = {}});
  EXPECT_FALSE(Only<ComputeLeaf>(Advance()).empty());
  EXPECT_EQ(machine_.open_step(), 2u);
}

TEST_F(StepMachineTest, AMarkOfAnotherEpochDoesNotCount) {
  Start();
  ComputeStep();
  Advance();
  Order(2, {{1, 0}}, 1, 1, 2);  // the second server is gone, its chunks are on the third
  Advance();
  SayWeights(0, 0, 1, 1, 1);  // still said at epoch 1
  SayState(2, 1, 1, 2);
  Advance();
  EXPECT_EQ(machine_.open_step(), 1u);
  SayState(0, 1, 1, 2);
  Advance();
  EXPECT_EQ(machine_.open_step(), 2u);
}

TEST_F(StepMachineTest, ABrokenStreamIsOpenedAgainAndFilledFromTheCache) {
  Start();
  ComputeStep();
  EXPECT_EQ(Sent<Push>(Advance()).size(), 2u);
  machine_.OnStreamClosed(streams_.at(ServerId(0)));
  EXPECT_EQ(machine_.broken_peers(), std::vector<uint64_t>({0}));
  machine_.OnTick(absl::UnixEpoch());
  EXPECT_EQ(Only<OpenStream>(Advance()).size(), 1u);
  SayState(0, 0);
  const std::vector<Push> pushes = Sent<Push>(Advance());
  ASSERT_EQ(pushes.size(), 1u);
  EXPECT_EQ(pushes[0].chunk, ChunkId(0));
}

TEST_F(StepMachineTest, WhatTheServerCoversIsNotPushedAgain) {
  Start();
  ComputeStep();
  Advance();
  machine_.OnStreamClosed(streams_.at(ServerId(0)));
  machine_.OnTick(absl::UnixEpoch());
  Advance();
  LeafSet covered(2);
  covered.Add({0, 2});
  machine_.OnMessage(streams_.at(ServerId(0)),
                     State{.term = 1, .epoch = 1, .done_through = 0, .window_end = 1,
                           .chunks = {{.chunk = ChunkId(0), .use = 0, .applied = 0, .covered = covered}}, .map = {}});
  EXPECT_TRUE(Sent<Push>(Advance()).empty());
}

TEST_F(StepMachineTest, ARefusedPushIsSentAgain) {
  Start();
  ComputeStep();
  Advance();
  machine_.OnTick(absl::UnixEpoch());
  machine_.OnMessage(streams_.at(ServerId(0)),
                     State{.term = 1, .epoch = 1, .done_through = 0, .window_end = 1,
                           .chunks = {{.chunk = ChunkId(0), .use = 0, .applied = 0, .covered = LeafSet(2)}},
                           .map = {}});
  EXPECT_TRUE(Sent<Push>(Advance()).empty());
  machine_.OnTick(absl::UnixEpoch() + absl::Milliseconds(20));
  EXPECT_EQ(Sent<Push>(Advance()).size(), 1u);
}

TEST_F(StepMachineTest, LeavesThatComeLateArePulledForAgain) {
  Order(1, {{0, 0}});
  Advance();
  SayState(0, 0);
  SayState(1, 0);
  Advance();
  SayWeights(0, 0, 0, 0);
  SayWeights(1, 1, 0, 0);
  Advance();
  Ready(0, {0, 0});
  Ready(1, {0, 0});
  Finish(0);
  Advance();
  SayWeights(0, 0, 1, 1);  // the other leaf came from elsewhere
  EXPECT_EQ(Only<Install>(Advance()).size(), 1u);
  Order(1, {{1, 0}}, 1, 2);  // and then its worker died
  const std::vector<Pull> pulls = Sent<Pull>(Advance());
  ASSERT_EQ(pulls.size(), 1u);
  EXPECT_EQ(pulls[0].step, 0u);
  SayWeights(0, 0, 0, 1);
  const std::vector<ComputeLeaf> leaves = Only<ComputeLeaf>(Advance());
  ASSERT_EQ(leaves.size(), 1u);
  EXPECT_EQ(leaves[0].leaf, 1u);
}

TEST_F(StepMachineTest, AStepThatOthersFinishedIsAbandoned) {
  Start();
  SayWeights(0, 0, 1, 1);
  SayWeights(1, 1, 1, 1);
  EXPECT_TRUE(Only<Install>(Advance()).empty());  // leaves still run on the old weights
  EXPECT_EQ(machine_.open_step(), 2u);
  EXPECT_EQ(machine_.counters().steps_abandoned, 1u);
  machine_.OnLeafComputed(1, 0, Pass::kTrain);
  machine_.OnLeafComputed(1, 1, Pass::kTrain);
  lanes_ = 2;
  const std::vector<StepOutput> outputs = Advance();
  EXPECT_EQ(Only<Install>(outputs).size(), 2u);
  EXPECT_EQ(Only<ComputeLeaf>(outputs).size(), 2u);
}

TEST_F(StepMachineTest, InTheLastStepAPeerWithoutEvaluationIsThroughTheNextOneToo) {
  Order(1, {{1, 0}});
  Advance();
  SayState(0, 4);  // its chunk is @3, the last step; step 4 has nothing for it
  SayState(1, 2);
  const std::vector<Pull> pulls = Sent<Pull>(Advance());
  ASSERT_EQ(pulls.size(), 2u);
  EXPECT_EQ(pulls[0].step, 2u);
  EXPECT_EQ(pulls[1].step, 2u);
}

TEST_F(StepMachineTest, FramesOfAnotherTermAreIgnored) {
  Start();
  SayState(0, 7, 1, 1, 2);
  SayWeights(1, 1, 9, 9, 1, 2);
  Advance();
  EXPECT_EQ(machine_.open_step(), 1u);
}

TEST_F(StepMachineTest, ObeysNoOlderCoordinatorOrTerm) {
  JobOrder order = NewOrder(3);
  order.coordinator_term = 5;
  machine_.OnOrder(order);

  order.term = 2;
  order.state = JobState::kSucceeded;
  machine_.OnOrder(order);
  order.term = 4;
  order.coordinator_term = 4;
  machine_.OnOrder(order);

  EXPECT_EQ(machine_.term(), 3u);
  EXPECT_TRUE(Only<Leave>(Advance()).empty());
}

TEST_F(StepMachineTest, ANewTermStartsFromNothing) {
  Start();
  Order(1, {{1, 0}}, 2);
  const std::vector<StepOutput> outputs = Advance();
  EXPECT_EQ(Only<CloseStream>(outputs).size(), 2u);
  ASSERT_EQ(Only<OpenStream>(outputs).size(), 2u);
  EXPECT_EQ(Only<OpenStream>(outputs)[0].hello.term, 2u);
  EXPECT_FALSE(machine_.ready());
}

TEST_F(StepMachineTest, NothingIsComputedPastTheLastStepOfAStop) {
  JobOrder order = NewOrder(1);
  Start();
  ComputeStep();
  Advance();
  order.map = Map(1);
  order.assignment = Assignment{.version = 1, .from_step = 1, .shares = {{WorkerId(1), {{1, 0}}}}};
  order.last_step = 1;
  order.state = JobState::kStopping;
  machine_.OnOrder(order);
  SayWeights(0, 0, 1, 1);
  SayWeights(1, 1, 1, 1);
  EXPECT_TRUE(Only<ComputeLeaf>(Advance()).empty());
  order.last_step = 0;
  machine_.OnOrder(order);
  EXPECT_FALSE(Only<ComputeLeaf>(Advance()).empty());
}

TEST_F(StepMachineTest, LeavesWhenTheJobIsOver) {
  Start();
  JobOrder order = NewOrder(1);
  order.state = JobState::kSucceeded;
  machine_.OnOrder(order);
  const std::vector<StepOutput> outputs = Advance();
  EXPECT_EQ(Only<CloseStream>(outputs).size(), 2u);
  EXPECT_EQ(Only<Leave>(outputs).size(), 1u);
  EXPECT_TRUE(Advance().empty());
}

// All leaves are audited; the other worker's are begun first, and are part of no target.
class AuditedStepMachineTest : public StepMachineTest {
 protected:
  AuditedStepMachineTest() : StepMachineTest(/*audit=*/1) {}
};

TEST_F(AuditedStepMachineTest, OthersAuditedLeavesAreComputedFirst) {
  JobOrder order = NewOrder(1);
  order.map = Map(1);
  order.assignment =
      Assignment{.version = 1, .from_step = 1, .shares = {{WorkerId(1), {{0, 0}}}, {WorkerId(2), {{0, 1}}}}};
  order.state = JobState::kRunning;
  machine_.OnOrder(order);
  Advance();
  SayState(0, 0);
  SayState(1, 0);
  Advance();
  SayWeights(0, 0, 0, 0);
  SayWeights(1, 1, 0, 0);
  const std::vector<ComputeLeaf> leaves = Only<ComputeLeaf>(Advance());
  ASSERT_EQ(leaves.size(), 2u);
  EXPECT_EQ(leaves[0].pass, Pass::kAudit);
  EXPECT_EQ(leaves[0].leaf, 1u);
  EXPECT_EQ(leaves[1].pass, Pass::kTrain);
  const auto audits = [&] {
    const std::vector<Wait> waits = machine_.Waits();
    return std::any_of(waits.begin(), waits.end(), [](const Wait& wait) { return wait.what == "audits"; });
  };
  EXPECT_TRUE(audits());
  machine_.OnLeafComputed(generation_, 1, Pass::kAudit);
  EXPECT_FALSE(audits());
  EXPECT_EQ(machine_.counters().leaves_audited, 1u);
  EXPECT_EQ(machine_.counters().leaves_computed, 0u);
}

}  // namespace
}  // namespace banyan::worker
