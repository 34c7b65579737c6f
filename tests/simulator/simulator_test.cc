#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/simulator/cluster.h"

namespace banyan::simulator {
namespace {

uint64_t first_seed = 1;
uint64_t seeds = 1000;

// A job and where its parts lie.
struct Job {
  explicit Job(const server::ToyJob::Options& options)
      : job(options), layout(worker::SetLayout::Make(job.plan().graph, job.plan().layout)) {}
  server::ToyJob job;
  worker::SetLayout layout;
};

TEST(SimulatorTest, EveryRunEndsWithTheSameBits) {
  std::vector<std::unique_ptr<Job>> jobs;
  for (const uint32_t leaves : {8, 5, 1, 13}) {
    for (const double clip_norm : {0.0, 0.5}) {
      jobs.push_back(std::make_unique<Job>(
          server::ToyJob::Options{.leaves = leaves, .steps = 4, .clip_norm = clip_norm, .evaluate = true}));
    }
  }
  Outcome total;
  for (uint64_t seed = first_seed; seed < first_seed + seeds; ++seed) {
    const Job& job = *jobs[seed % jobs.size()];
    const Outcome outcome = RunCluster({.seed = seed, .job = &job.job, .layout = &job.layout});
    if (!outcome.finished || !outcome.trouble.empty()) {
      FAIL() << "seed " << seed << " fails, replay it with --seed=" << seed << ": " << outcome.trouble;
    }
    total.events += outcome.events;
    total.breaks += outcome.breaks;
    total.worker_deaths += outcome.worker_deaths;
    total.server_deaths += outcome.server_deaths;
    total.moves += outcome.moves;
    total.recomputed += outcome.recomputed;
    total.dropped_sets += outcome.dropped_sets;
    total.duplicates += outcome.duplicates;
  }
  std::cout << seeds << " runs: " << total.events << " events, " << total.breaks << " broken streams, "
            << total.worker_deaths << " dead workers, " << total.server_deaths << " dead servers, " << total.moves
            << " moves, " << total.recomputed << " leaves recomputed, " << total.dropped_sets
            << " gradient sets dropped\n";
  if (seeds < 100) return;
  // The runs are worth something only if these things happen in them.
  EXPECT_GT(total.breaks, seeds / 2);
  EXPECT_GT(total.worker_deaths, seeds / 10);
  EXPECT_GT(total.server_deaths, seeds / 50);
  EXPECT_GT(total.moves, seeds / 10);
  EXPECT_GT(total.recomputed, 0u);
  EXPECT_GT(total.dropped_sets, 0u);
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
