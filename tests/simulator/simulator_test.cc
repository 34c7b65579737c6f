#include <bit>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

#include "gtest/gtest.h"
#include "tests/simulator/cluster.h"

namespace banyan::simulator {
namespace {

uint64_t first_seed = 1;
uint64_t seeds = 1000;

ClusterOptions OptionsOf(uint64_t seed) {
  ClusterOptions options{.seed = seed};
  const uint32_t leaves[] = {8, 5, 1, 13};
  options.leaves = leaves[seed % 4];
  return options;
}

void ExpectSame(const Outcome& outcome, const Outcome& expected) {
  EXPECT_TRUE(outcome.finished) << outcome.trouble;
  if (!outcome.finished) return;
  for (size_t i = 0; i < expected.weights.size(); ++i) {
    for (size_t j = 0; j < expected.weights[i].size(); ++j) {
      EXPECT_EQ(std::bit_cast<uint32_t>(outcome.weights[i][j]), std::bit_cast<uint32_t>(expected.weights[i][j]))
          << "chunk " << i << " element " << j;
    }
  }
  EXPECT_EQ(outcome.entries.size(), expected.entries.size());
  for (const auto& [key, loss] : expected.entries) {
    const auto found = outcome.entries.find(key);
    ASSERT_TRUE(found != outcome.entries.end()) << "step " << key.first << " chunk " << key.second;
    EXPECT_EQ(std::bit_cast<uint64_t>(found->second.loss), std::bit_cast<uint64_t>(loss.loss));
    EXPECT_EQ(found->second.weight, loss.weight);
  }
}

TEST(SimulatorTest, EveryRunEndsWithTheSameBits) {
  Outcome total;
  for (uint64_t seed = first_seed; seed < first_seed + seeds; ++seed) {
    const ClusterOptions options = OptionsOf(seed);
    const Outcome outcome = RunCluster(options);
    ExpectSame(outcome, Reference(options));
    total.events += outcome.events;
    total.breaks += outcome.breaks;
    total.deaths += outcome.deaths;
    total.moves += outcome.moves;
    total.recomputed += outcome.recomputed;
    total.dropped_sets += outcome.dropped_sets;
    if (testing::Test::HasFailure()) {
      FAIL() << "seed " << seed << " fails; replay it with --seed=" << seed;
    }
  }
  std::cout << seeds << " runs: " << total.events << " events, " << total.breaks << " broken streams, " << total.deaths
            << " dead workers, " << total.moves << " moves, " << total.recomputed << " leaves recomputed, "
            << total.dropped_sets << " sets dropped\n";
  if (seeds < 100) return;
  // The runs are worth something only if these things happen in them.
  EXPECT_GT(total.breaks, seeds / 10);
  EXPECT_GT(total.deaths, seeds / 100);
  EXPECT_GT(total.moves, seeds / 100);
}

}  // namespace
}  // namespace banyan::simulator

// simulator_test [--seed=N] [--seeds=N]: one run, or N runs from the first seed on.
int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag.starts_with("--seed=")) {
      banyan::simulator::first_seed = std::stoull(flag.substr(7));
      banyan::simulator::seeds = 1;
    } else if (flag.starts_with("--seeds=")) {
      banyan::simulator::seeds = std::stoull(flag.substr(8));
    }
  }
  return RUN_ALL_TESTS();
}
