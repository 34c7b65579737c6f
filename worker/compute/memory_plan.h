#ifndef BANYAN_WORKER_COMPUTE_MEMORY_PLAN_H_
#define BANYAN_WORKER_COMPUTE_MEMORY_PLAN_H_

#include <cstdint>
#include <span>
#include <vector>

namespace banyan::worker {

// A block of memory needed from moment `first` to moment `last`, both included.
struct Lifetime {
  int64_t bytes = 0;
  int32_t first = 0;
  int32_t last = 0;
};

struct MemoryPlan {
  std::vector<int64_t> offsets;  // of each block, multiples of 64
  int64_t bytes = 0;             // of the whole arena
};

// Places blocks in one arena so that no two that live at the same moment overlap: the largest first, each at the lowest
// place that is free for its whole life (Pisarchyk and Lee 2020, "greedy by size"). Deterministic.
MemoryPlan PlanMemory(std::span<const Lifetime> blocks);

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_COMPUTE_MEMORY_PLAN_H_
