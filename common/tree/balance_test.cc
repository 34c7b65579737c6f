#include "common/tree/balance.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <limits>
#include <numeric>
#include <random>

#include "common/tree/share.h"
#include "gtest/gtest.h"

namespace banyan {
namespace {

uint32_t CountNodes(const std::vector<uint32_t>& shares) {
  uint32_t nodes = 0;
  for (const uint32_t share : shares) nodes += static_cast<uint32_t>(std::popcount(share));
  return nodes;
}

std::vector<WorkerPace> Speeds(const std::vector<double>& speeds) {
  std::vector<WorkerPace> workers;
  for (const double speed : speeds) workers.push_back({.leaf_seconds = 1.0 / speed});
  return workers;
}

struct Figures {
  uint32_t nodes;
  double slowest;  // over the ideal, all leaves at the workers' speeds together
};

Figures FiguresOf(uint32_t leaves, const std::vector<WorkerPace>& workers) {
  const std::vector<uint32_t> shares = BalanceShares(leaves, workers);
  EXPECT_EQ(std::accumulate(shares.begin(), shares.end(), 0u), leaves);
  double speed = 0.0;
  for (const WorkerPace& worker : workers) speed += 1.0 / worker.leaf_seconds;
  return {CountNodes(shares), PlanSeconds(shares, workers) / (leaves / speed)};
}

TEST(BalanceTest, SlowestShareAndNodesOfEqualWorkers) {
  struct Case {
    size_t workers;
    uint32_t leaves;
    uint32_t nodes;
    double slowest;
  };
  // The protocol's table of traffic: nodes = partials per chunk; slowest share over the ideal.
  const Case cases[] = {
      {3, 8, 5, 1.125},    {3, 16, 5, 1.125},   {3, 32, 8, 1.031},   {3, 64, 8, 1.031},   {3, 256, 8, 1.031},
      {5, 8, 4, 1.25},     {5, 16, 4, 1.25},    {5, 32, 12, 1.094},  {5, 64, 14, 1.016},  {5, 256, 14, 1.016},
      {6, 8, 4, 1.5},      {6, 16, 10, 1.125},  {6, 32, 10, 1.125},  {6, 64, 16, 1.031},  {6, 256, 16, 1.031},
      {7, 8, 4, 1.75},     {7, 16, 9, 1.3125},  {7, 32, 11, 1.094},  {7, 64, 11, 1.094},  {7, 256, 16, 1.039},
      {12, 16, 8, 1.5},    {12, 32, 20, 1.125}, {12, 64, 20, 1.125}, {12, 256, 32, 1.031}, {3, 24, 3, 1.0},
      {5, 40, 5, 1.0},     {6, 48, 6, 1.0},     {2, 8, 2, 1.0},      {4, 16, 4, 1.0},      {8, 8, 8, 1.0},
      {64, 64, 64, 1.0},   {64, 256, 64, 1.0},
  };
  for (const Case& c : cases) {
    const Figures figures = FiguresOf(c.leaves, std::vector<WorkerPace>(c.workers));
    EXPECT_EQ(figures.nodes, c.nodes) << c.workers << " workers, " << c.leaves << " leaves";
    EXPECT_NEAR(figures.slowest, c.slowest, 0.001) << c.workers << " workers, " << c.leaves << " leaves";
  }
}

TEST(BalanceTest, UnequalWorkers) {
  EXPECT_EQ(BalanceShares(16, Speeds({3, 1})), (std::vector<uint32_t>{12, 4}));
  EXPECT_EQ(BalanceShares(64, Speeds({3, 1})), (std::vector<uint32_t>{48, 16}));
  Figures figures = FiguresOf(64, Speeds({1, 0.9, 1.1}));
  EXPECT_EQ(figures.nodes, 6u);
  EXPECT_NEAR(figures.slowest, 1.04, 0.006);
  figures = FiguresOf(64, Speeds({1, 1, 1, 1, 1, 1, 1, 0.5}));
  EXPECT_EQ(figures.nodes, 12u);
  EXPECT_NEAR(figures.slowest, 1.05, 0.006);
  // Alone is cheaper than a partner that is twenty times slower.
  EXPECT_EQ(BalanceShares(64, Speeds({20, 1})), (std::vector<uint32_t>{64, 0}));
}

TEST(BalanceTest, PushesThatCostMakeSharesRounder) {
  // 5, 5 and 6 would each push a second partial.
  EXPECT_EQ(BalanceShares(16, std::vector<WorkerPace>(3, {.leaf_seconds = 1.0, .push_seconds = 10.0})),
            (std::vector<uint32_t>{8, 8, 0}));
  EXPECT_EQ(ShareSeconds(7, {.leaf_seconds = 2.0, .push_seconds = 3.0}), 20.0);
  EXPECT_EQ(ShareSeconds(0, {.leaf_seconds = 2.0, .push_seconds = 3.0}), 0.0);
}

// Every way to share a few leaves: none with as few nodes ends earlier, none within the slack has fewer nodes.
TEST(BalanceTest, IsBestAmongAllShares) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> pace(0.5, 2.0);
  for (int trial = 0; trial < 200; ++trial) {
    const uint32_t leaves = 1 + random() % 20;
    std::vector<WorkerPace> workers;
    for (int w = 0; w < 3; ++w) workers.push_back({pace(random), trial % 2 == 0 ? 0.0 : pace(random)});
    double least = std::numeric_limits<double>::infinity();
    std::vector<std::vector<uint32_t>> all;
    for (uint32_t a = 0; a <= leaves; ++a) {
      for (uint32_t b = 0; a + b <= leaves; ++b) all.push_back({a, b, leaves - a - b});
    }
    for (const auto& shares : all) least = std::min(least, PlanSeconds(shares, workers));
    const std::vector<uint32_t> chosen = BalanceShares(leaves, workers);
    ASSERT_LE(PlanSeconds(chosen, workers), 1.05 * least);
    for (const auto& shares : all) {
      if (PlanSeconds(shares, workers) > 1.05 * least) continue;
      ASSERT_GE(CountNodes(shares), CountNodes(chosen));
      if (CountNodes(shares) > CountNodes(chosen)) continue;
      ASSERT_GE(PlanSeconds(shares, workers), PlanSeconds(chosen, workers));
    }
  }
}

TEST(BalanceTest, ManyLeavesAreDealtInBlocks) {
  for (const uint32_t leaves : {257u, 1000u, 65537u, 1u << 20}) {
    for (const size_t count : {1u, 3u, 100u, 500u}) {
      const std::vector<WorkerPace> workers(count);
      const Figures figures = FiguresOf(leaves, workers);
      const double rounding = static_cast<double>(count) / leaves;
      EXPECT_LT(figures.slowest, 1.25 + rounding) << leaves << " " << count;
      EXPECT_TRUE(PlaceShares(Tree(leaves), BalanceShares(leaves, workers)).ok());
    }
  }
}

}  // namespace
}  // namespace banyan
