#ifndef BANYAN_WORKER_COMPUTE_ALLOCATION_COUNTER_H_
#define BANYAN_WORKER_COMPUTE_ALLOCATION_COUNTER_H_

#include <cstdint>

// For tests and benchmarks: a program that links this has another operator new, which counts. oneDNN allocates inside
// its own calls; what is promised, and counted, is ours.
namespace banyan::worker {

// Whether allocations of the calling thread count.
void CountAllocationsHere(bool on);

// Whether those of every thread but the calling one count.
void CountAllocationsElsewhere(bool on);

// Since the program began.
uint64_t AllocationsCounted();

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_COMPUTE_ALLOCATION_COUNTER_H_
