// A test program of its own: it replaces operator new.
#include <dlfcn.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <string_view>

#include "gtest/gtest.h"
#include "worker/compute/lane.h"
#include "worker/compute/lane_fixture.h"
#include "worker/layers/cpu/cpu_operator_factory.h"

namespace {

thread_local bool counting = false;
thread_local int allocations = 0;

// oneDNN allocates inside its own calls; what is promised, and counted, is ours.
bool CalledByOneDnn(void* caller) {
  Dl_info info = {};
  return dladdr(caller, &info) != 0 && info.dli_fname != nullptr &&
         std::string_view(info.dli_fname).find("libdnnl") != std::string_view::npos;
}

void* Allocate(std::size_t size, void* caller) {
  if (counting && !CalledByOneDnn(caller)) ++allocations;
  void* memory = std::malloc(size > 0 ? size : 1);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return Allocate(size, __builtin_return_address(0)); }
void* operator new[](std::size_t size) { return Allocate(size, __builtin_return_address(0)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return Allocate(size, __builtin_return_address(0));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace banyan::worker {
namespace {

TEST(LaneAllocationTest, CountsWhatIsAllocatedHere) {
  counting = true;
  allocations = 0;
  std::vector<int>* made = new std::vector<int>(100);
  counting = false;
  EXPECT_EQ(allocations, 2);
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
  counting = true;
  allocations = 0;
  for (int64_t samples : {5, 4, 5}) run(samples);
  counting = false;
  EXPECT_EQ(allocations, 0);
}

}  // namespace
}  // namespace banyan::worker
