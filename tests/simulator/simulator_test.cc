#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/simulator/cluster.h"
#include "tests/simulator/shrink.h"

namespace banyan::simulator {
namespace {

uint64_t first_seed = 1;
uint64_t seeds = 1000;
std::string profile_name;  // empty: the seeds take turns

// For a CHECK that fails within a run.
char replay[128] = "";
void OnAbort(int) {
  if (write(STDERR_FILENO, replay, strlen(replay)) < 0) _exit(3);
  _exit(2);
}

// Small jobs of every kind: with and without clipping, one leaf to thirteen, each with its one hash.
struct Job {
  explicit Job(const server::ToyJob::Options& options) : job(options) {}
  SimulatedJob job;
  std::string hash;
};

std::vector<std::unique_ptr<Job>> MakeJobs() {
  std::vector<std::unique_ptr<Job>> jobs;
  for (const uint32_t leaves : {8, 5, 1, 13}) {
    for (const double clip_norm : {0.0, 0.5}) {
      jobs.push_back(std::make_unique<Job>(
          server::ToyJob::Options{.leaves = leaves, .steps = 7, .clip_norm = clip_norm, .evaluate = true}));
    }
  }
  return jobs;
}

const Profile& ProfileOf(uint64_t seed) {
  if (!profile_name.empty()) return *FindProfile(profile_name);
  return Profiles()[(seed / 8) % Profiles().size()];
}

Outcome RunSeed(uint64_t seed, const SimulatedJob& job, std::vector<Fault> faults) {
  return Cluster({.seed = seed, .job = &job, .profile = ProfileOf(seed), .faults = std::move(faults)}).Run();
}

// `job.hash`: of the runs before; empty: none yet.
bool IsRight(uint64_t seed, const Job& job, const Outcome& outcome) {
  const Profile& profile = ProfileOf(seed);
  // A job that fails as it must has none.
  const bool one_hash = !profile.authors && !(profile.wrong && outcome.state_hash.empty());
  return outcome.succeeded && outcome.trouble.empty() &&
         (!one_hash || job.hash.empty() || outcome.state_hash == job.hash);
}

// In a child, for a run may end the process.
bool Fails(uint64_t seed, const Job& job, const std::vector<Fault>& faults) {
  const pid_t child = fork();
  if (child == 0) {
    if (freopen("/dev/null", "w", stderr) == nullptr) _exit(3);
    _exit(IsRight(seed, job, RunSeed(seed, job.job, faults)) ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

std::string Explain(uint64_t seed, const Job& job) {
  const auto fails = [&](const std::vector<Fault>& faults) { return Fails(seed, job, faults); };
  std::string text = "seed " + std::to_string(seed) + " fails; replay it with --profile=" +
                     std::string(ProfileOf(seed).name) + " --seed=" + std::to_string(seed) + "; its shortest run:\n";
  for (const Fault& fault : Shrink(MakeFaults(ProfileOf(seed), seed), fails)) text += "  " + ToString(fault) + "\n";
  return text;
}

TEST(SimulatorTest, EveryRunEndsWithTheSameBits) {
  const std::vector<std::unique_ptr<Job>> jobs = MakeJobs();
  std::map<std::string, uint64_t> total;
  std::map<std::pair<std::string_view, MessageKind>, uint64_t> moments;  // by profile
  absl::Duration longest;
  for (uint64_t seed = first_seed; seed < first_seed + seeds; ++seed) {
    Job& job = *jobs[seed % jobs.size()];
    snprintf(replay, sizeof(replay), "replay it with --profile=%s --seed=%llu\n", ProfileOf(seed).name.data(),
             static_cast<unsigned long long>(seed));
    const Outcome outcome = RunSeed(seed, job.job, MakeFaults(ProfileOf(seed), seed));
    ASSERT_TRUE(IsRight(seed, job, outcome))
        << outcome.trouble << "state hash " << outcome.state_hash << ", expected " << job.hash << "\n"
        << outcome.story        << Explain(seed, job);
    if (job.hash.empty() && !ProfileOf(seed).authors) job.hash = outcome.state_hash;
    for (const auto& [what, count] : outcome.counts) total[what] += count;
    for (const MessageKind kind : ProfileOf(seed).moments) {
      const auto found = outcome.counts.find("moments (" + std::string(NameOf(kind)) + ")");
      if (found != outcome.counts.end()) moments[{ProfileOf(seed).name, kind}] += found->second;
    }
    longest = std::max(longest, outcome.took);
  }
  std::cout << seeds << " runs, the longest of " << absl::FormatDuration(longest) << " simulated:";
  for (const auto& [what, count] : total) std::cout << " " << count << " " << what << ";";
  std::cout << "\n";
  if (seeds < 1000 || !profile_name.empty()) return;
  // The runs are worth something only if these things happen in them.
  for (const char* what : {"broken streams", "worker deaths", "server deaths", "coordinator deaths", "power cuts",
                           "pauses", "partitions", "clock jumps", "full disks", "stops", "resumptions", "promotions",
                           "drained servers", "job pauses", "halts in peace", "workers scaled", "servers scaled",
                           "forks", "audits compared", "wrong leaves found", "moments", "severed servers"}) {
    EXPECT_GT(total[what], seeds / 100) << what;
  }
  for (const Profile& profile : Profiles()) {
    for (const MessageKind kind : profile.moments) {
      if (kind == MessageKind::kMoved) continue;  // in one run of `handout` in two hundred
      EXPECT_GT((moments[{profile.name, kind}]), 0u) << profile.name << " waits in vain for " << NameOf(kind);
    }
  }
  EXPECT_GT(total["terms"], seeds + seeds / 10);
  EXPECT_GT(total["gradient sets dropped"], 0u);
}

}  // namespace
}  // namespace banyan::simulator

// simulator_test [--seed=N] [--seeds=N] [--profile=NAME]: one run, or N runs from the first seed on.
int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  std::signal(SIGABRT, banyan::simulator::OnAbort);
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag.starts_with("--seed=")) {
      banyan::simulator::first_seed = std::stoull(flag.substr(7));
      banyan::simulator::seeds = 1;
    } else if (flag.starts_with("--seeds=")) {
      banyan::simulator::seeds = std::stoull(flag.substr(8));
    } else if (flag.starts_with("--profile=")) {
      banyan::simulator::profile_name = flag.substr(10);
    }
  }
  return RUN_ALL_TESTS();
}
