#include <vector>

#include "gtest/gtest.h"
#include "worker/compute/allocation_counter.h"
#include "worker/compute/lane.h"
#include "worker/compute/lane_fixture.h"
#include "worker/layers/cpu/cpu_operator_factory.h"

namespace banyan::worker {
namespace {

TEST(LaneAllocationTest, CountsWhatIsAllocatedHere) {
  const uint64_t before = AllocationsCounted();
  CountAllocationsHere(true);
  std::vector<int>* volatile made = new std::vector<int>(100);  // volatile: else the compiler may do without
  CountAllocationsHere(false);
  EXPECT_EQ(AllocationsCounted() - before, 2);
  delete made;
}

TEST(LaneAllocationTest, NothingAfterTheFirstLeafOfEachSize) {
  const TestGpt gpt = {.width = 32, .context = 20, .vocabulary = 40, .dropout = 0.1};
  const Graph graph = MakeTestGpt(gpt);
  const auto device = CpuDevice::Create().value();
  device->EnterComputeThread();
  CpuOperatorFactory factory(device->level());
  const TestWeights<float> weights(graph);
  const std::vector<int32_t> tokens = HashTokens(1, 5 * gpt.context, gpt.vocabulary);
  const auto lane = Lane::Create(graph, *device, factory, {.micro = 2}).value();
  RecordingSink<float> sink(graph);
  const auto run = [&](int64_t samples) {
    const ConstView view = ViewOf(tokens.data(), samples * gpt.context);
    const LeafData leaf = {.samples = samples, .input = view, .targets = view};
    sink.completed.clear();
    EXPECT_TRUE(lane->Train(leaf, weights.views(), sink).ok());
    EXPECT_TRUE(lane->Evaluate(leaf, weights.views()).ok());
    EXPECT_TRUE(lane->Predict(ViewOf(tokens.data(), gpt.context), 1, weights.views()).ok());
  };
  for (int64_t samples : {5, 4}) run(samples);
  const uint64_t before = AllocationsCounted();
  CountAllocationsHere(true);
  for (int64_t samples : {5, 4, 5}) run(samples);
  CountAllocationsHere(false);
  EXPECT_EQ(AllocationsCounted(), before);
}

}  // namespace
}  // namespace banyan::worker
