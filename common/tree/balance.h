#ifndef BANYAN_COMMON_TREE_BALANCE_H_
#define BANYAN_COMMON_TREE_BALANCE_H_

#include <cstdint>
#include <vector>

namespace banyan {

// How fast a worker is, in any one unit of time.
struct WorkerPace {
  double leaf_seconds = 1.0;  // to compute a leaf; above 0, finite
  double push_seconds = 0.0;  // to push one partial of every chunk; at least 0, finite
};

// Time of a step for a worker with `share` leaves: its leaves, and every partial but the first, which overlaps.
//   share * leaf_seconds + max(0, popcount(share) - 1) * push_seconds
double ShareSeconds(uint32_t share, const WorkerPace& pace);

// The time of the slowest worker.
double PlanSeconds(const std::vector<uint32_t>& shares, const std::vector<WorkerPace>& workers);

// Shares (leaves per worker, adding up to `leaves`, 0 possible) that finish within 5 % of the earliest possible end and
// take as few tree nodes as that allows, for nodes are partials and partials are traffic:
//   1. T* = the least time within which shares adding up to `leaves` finish;
//   2. among the shares with ShareSeconds <= 1.05 T* for every worker, those with the fewest nodes, sum of
//      popcount(share); ties to the smaller maximal time, then to larger shares for earlier workers.
// Above max(256, 8 * workers) leaves (rounded up to a power of two) it deals out blocks of 2^k leaves, to keep the work
// small; the slowest worker goes without what the last block lacks. Deterministic. At least one worker.
//
// These are plans: they decide how long a step takes and never what comes out of it.
std::vector<uint32_t> BalanceShares(uint32_t leaves, const std::vector<WorkerPace>& workers);

}  // namespace banyan

#endif  // BANYAN_COMMON_TREE_BALANCE_H_
