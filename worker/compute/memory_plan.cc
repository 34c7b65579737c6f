#include "worker/compute/memory_plan.h"

#include <algorithm>
#include <numeric>

namespace banyan::worker {
namespace {

constexpr int64_t kAlignment = 64;

int64_t Aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

MemoryPlan PlanMemory(std::span<const Lifetime> blocks) {
  MemoryPlan plan = {.offsets = std::vector<int64_t>(blocks.size(), 0)};
  std::vector<size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return blocks[a].bytes > blocks[b].bytes; });
  std::vector<size_t> placed;  // by offset
  for (size_t index : order) {
    const Lifetime& block = blocks[index];
    const int64_t bytes = Aligned(block.bytes);
    int64_t offset = 0;
    for (size_t other : placed) {
      const Lifetime& neighbour = blocks[other];
      if (neighbour.last < block.first || block.last < neighbour.first) continue;
      if (plan.offsets[other] >= offset + bytes) break;
      offset = std::max(offset, plan.offsets[other] + Aligned(neighbour.bytes));
    }
    plan.offsets[index] = offset;
    plan.bytes = std::max(plan.bytes, offset + bytes);
    const auto place = std::upper_bound(placed.begin(), placed.end(), index, [&](size_t a, size_t b) {
      return plan.offsets[a] < plan.offsets[b];
    });
    placed.insert(place, index);
  }
  return plan;
}

}  // namespace banyan::worker
