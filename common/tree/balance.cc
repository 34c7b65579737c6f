#include "common/tree/balance.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <limits>
#include <utility>

#include "common/base/check.h"
#include "common/tree/tree.h"

namespace banyan {
namespace {

constexpr double kSlack = 1.05;

// The problem in blocks of `unit` leaves: times[w][s] is worker w's time with s blocks, s = 0 .. blocks.
struct Problem {
  uint32_t blocks = 0;
  std::vector<std::vector<double>> times;
};

// Whether shares of at most `cap` seconds each can add up to all blocks.
bool Feasible(const Problem& problem, double cap) {
  std::vector<char> reachable(problem.blocks + 1, 0);
  reachable[0] = 1;
  for (const std::vector<double>& times : problem.times) {
    std::vector<char> next(reachable.size(), 0);
    for (uint32_t share = 0; share <= problem.blocks; ++share) {
      if (times[share] > cap) continue;
      for (uint32_t sum = share; sum <= problem.blocks; ++sum) next[sum] |= reachable[sum - share];
    }
    reachable = std::move(next);
  }
  return reachable[problem.blocks] != 0;
}

// T*: one of the times, the least feasible.
double LeastTime(const Problem& problem) {
  double speed = 0.0;
  for (const std::vector<double>& row : problem.times) speed += 1.0 / row[1];
  // Upwards from what no plan beats: looser caps are not probed, for a probe's work grows with its cap.
  double enough = problem.blocks / speed;
  while (!Feasible(problem, enough)) enough *= 2.0;
  std::vector<double> times;
  for (const std::vector<double>& row : problem.times) {
    std::copy_if(row.begin(), row.end(), std::back_inserter(times), [&](double time) { return time <= enough; });
  }
  std::sort(times.begin(), times.end());
  times.erase(std::unique(times.begin(), times.end()), times.end());
  return *std::partition_point(times.begin(), times.end(), [&](double cap) { return !Feasible(problem, cap); });
}

// The best way in which the first workers share a number of blocks.
struct Best {
  uint32_t nodes = std::numeric_limits<uint32_t>::max();
  double seconds = 0.0;
  uint32_t last_share = 0;

  bool reachable() const { return nodes != std::numeric_limits<uint32_t>::max(); }
};

// f[w][b]: the best of workers 0 .. w-1 for b blocks.
std::vector<std::vector<Best>> Tabulate(const Problem& problem, double cap) {
  std::vector<std::vector<Best>> best(problem.times.size() + 1, std::vector<Best>(problem.blocks + 1));
  best[0][0].nodes = 0;
  for (size_t w = 0; w < problem.times.size(); ++w) {
    const std::vector<double>& times = problem.times[w];
    for (uint32_t share = 0; share <= problem.blocks; ++share) {
      if (times[share] > cap) continue;
      for (uint32_t sum = share; sum <= problem.blocks; ++sum) {
        const Best& before = best[w][sum - share];
        if (!before.reachable()) continue;
        const uint32_t nodes = before.nodes + static_cast<uint32_t>(std::popcount(share));
        const double seconds = std::max(before.seconds, times[share]);
        Best& entry = best[w + 1][sum];
        // Shares rise, so the first of equals leaves the most to earlier workers.
        if (nodes < entry.nodes || (nodes == entry.nodes && seconds < entry.seconds)) entry = {nodes, seconds, share};
      }
    }
  }
  return best;
}

uint32_t BlockOf(uint32_t leaves, size_t workers) {
  const uint64_t most = std::bit_ceil(std::max<uint64_t>(256, 8 * workers));
  uint32_t unit = 1;
  while ((uint64_t{leaves} + unit - 1) / unit > most) unit *= 2;
  return unit;
}

}  // namespace

double ShareSeconds(uint32_t share, const WorkerPace& pace) {
  return share * pace.leaf_seconds + std::max(0, std::popcount(share) - 1) * pace.push_seconds;
}

double PlanSeconds(const std::vector<uint32_t>& shares, const std::vector<WorkerPace>& workers) {
  CHECK_EQ(shares.size(), workers.size());
  double slowest = 0.0;
  for (size_t w = 0; w < shares.size(); ++w) slowest = std::max(slowest, ShareSeconds(shares[w], workers[w]));
  return slowest;
}

std::vector<uint32_t> BalanceShares(uint32_t leaves, const std::vector<WorkerPace>& workers) {
  CHECK(!workers.empty());
  CHECK(leaves >= 1 && leaves <= Tree::kMaxLeaves);
  const uint32_t unit = BlockOf(leaves, workers.size());
  Problem problem = {.blocks = (leaves + unit - 1) / unit, .times = {}};
  for (const WorkerPace& pace : workers) {
    CHECK(pace.leaf_seconds > 0.0 && std::isfinite(pace.leaf_seconds));
    CHECK(pace.push_seconds >= 0.0 && std::isfinite(pace.push_seconds));
    std::vector<double>& times = problem.times.emplace_back();
    for (uint32_t share = 0; share <= problem.blocks; ++share) times.push_back(ShareSeconds(share * unit, pace));
  }
  const std::vector<std::vector<Best>> best = Tabulate(problem, kSlack * LeastTime(problem));
  std::vector<uint32_t> shares(workers.size());
  uint32_t rest = problem.blocks;
  for (size_t w = workers.size(); w-- > 0;) {
    const uint32_t share = best[w + 1][rest].last_share;
    shares[w] = share * unit;
    rest -= share;
  }
  size_t slowest = 0;
  for (size_t w = 1; w < workers.size(); ++w) {
    if (ShareSeconds(shares[w], workers[w]) > ShareSeconds(shares[slowest], workers[slowest])) slowest = w;
  }
  shares[slowest] -= problem.blocks * unit - leaves;
  return shares;
}

}  // namespace banyan
