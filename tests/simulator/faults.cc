#include "tests/simulator/faults.h"

#include <algorithm>
#include <numeric>
#include <random>

#include "absl/strings/str_cat.h"

namespace banyan::simulator {
namespace {

// Faults begin before this.
constexpr int64_t kTroubleMillis = 4000;
constexpr int64_t kLongestMillis = 3000;

constexpr std::string_view kNames[Fault::kKinds] = {
    "break a stream",   "crash the coordinator", "crash a server",  "a server drains",
    "crash a worker",   "crash a host",          "a worker leaves", "a process stands still",
    "cut the network",  "a clock jumps",         "the disk is full", "cut the power",
    "stop the job",     "pause the job",         "scale the job",   "fork the job"};

}  // namespace

std::string ToString(const Fault& fault) {
  return absl::StrCat("at ", absl::FormatDuration(fault.at), ": ", std::string(kNames[static_cast<size_t>(fault.kind)]),
                      " (which ", fault.which, ", other ", fault.other, ", how ", fault.how, ", for ",
                      absl::FormatDuration(fault.length), ")");
}

const std::vector<Profile>& Profiles() {
  // break coord server drain worker host leave still cut clock full power stop pause scale fork
  static const std::vector<Profile> profiles = {
      {.name = "mixed", .most = 16, .weights = {12, 2, 1, 1, 4, 0, 2, 3, 3, 1, 1, 0, 1, 1, 2, 1},
       .most_replicas = 2, .audits_one_in = 4},
      {.name = "calm"},
      {.name = "streams", .most = 40, .weights = {1}},
      {.name = "coordinator", .most = 12, .weights = {4, 4, 0, 0, 1, 0, 1}, .most_replicas = 1},
      {.name = "workers", .most = 16, .weights = {4, 0, 0, 0, 4, 0, 3, 2}},
      {.name = "servers", .most = 8, .weights = {4, 0, 4, 0, 1, 0, 0, 1}},
      {.name = "replicas", .most = 16, .weights = {6, 0, 3, 0, 2, 2, 1, 1},
       .least_replicas = 1, .most_replicas = 2, .amid = true},
      {.name = "spare", .most = 12, .weights = {4, 0, 2, 1, 2, 2},
       .least_replicas = 1, .most_replicas = 2, .spare = true, .amid = true},
      {.name = "drain", .most = 10, .weights = {4, 1, 1, 4, 1, 0, 1}, .most_replicas = 1},
      {.name = "suspected", .most = 12, .weights = {2, 0, 0, 0, 1, 0, 0, 4, 5},
       .least_replicas = 1, .most_replicas = 2, .amid = true},
      {.name = "authors", .most = 12, .weights = {4, 0, 2, 1, 1, 6, 0, 1, 1},
       .least_replicas = 1, .most_replicas = 2, .authors = true, .amid = true},
      {.name = "recovery", .most = 10, .weights = {4, 2, 3, 0, 2, 0, 0, 1, 0, 0, 0, 1}, .most_replicas = 1},
      {.name = "partitions", .most = 12, .weights = {4, 0, 0, 0, 1, 0, 0, 2, 6}},
      {.name = "slow", .most = 10, .weights = {2, 0, 0, 0, 0, 0, 1, 6}},
      {.name = "clocks", .most = 8, .weights = {2, 1, 0, 0, 1, 0, 0, 0, 0, 6}},
      {.name = "disk", .most = 6, .weights = {2, 1, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 1}, .most_replicas = 1},
      {.name = "power", .most = 5, .weights = {2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 3}},
      {.name = "stop", .most = 10, .weights = {2, 1, 1, 0, 1, 0, 0, 1, 4, 0, 0, 0, 4},
       .most_replicas = 1, .amid = true},
      {.name = "pause", .most = 10, .weights = {2, 1, 1, 0, 1, 0, 0, 1, 2, 0, 0, 0, 1, 5},
       .most_replicas = 1, .amid = true},
      {.name = "scale", .most = 12, .weights = {2, 1, 1, 0, 2, 0, 1, 1, 1, 0, 0, 0, 0, 0, 8},
       .most_replicas = 2, .amid = true},
      {.name = "fork", .most = 8, .weights = {2, 1, 1, 0, 1, 0, 1, 1, 0, 0, 0, 0, 1, 1, 0, 3}, .most_replicas = 1},
      {.name = "audit", .most = 12, .weights = {4, 1, 0, 0, 3, 0, 2, 2, 1},
       .most_replicas = 1, .audits_one_in = 1, .amid = true},
      {.name = "wrong", .most = 6, .weights = {1, 0, 0, 0, 0, 0, 0, 1}, .audits_one_in = 1, .wrong = true},
      {.name = "window", .most = 24, .weights = {2, 0, 0, 0, 4, 0, 3, 1}, .uneven = true, .amid = true},
      {.name = "tight", .most = 12, .weights = {2, 0, 0, 0, 2, 0, 2, 4}, .tight = true},
  };
  return profiles;
}

const Profile* FindProfile(std::string_view name) {
  for (const Profile& profile : Profiles()) {
    if (profile.name == name) return &profile;
  }
  return nullptr;
}

std::vector<Fault> MakeFaults(const Profile& profile, uint64_t seed) {
  std::mt19937_64 random(seed * 2 + 1);
  const auto draw = [&](uint64_t n) { return static_cast<uint32_t>(random() % n); };
  const uint32_t total = std::accumulate(profile.weights.begin(), profile.weights.end(), 0u);
  std::vector<Fault> faults;
  if (total == 0) return faults;
  for (uint32_t count = draw(profile.most + 1); count > 0; --count) {
    uint32_t pick = draw(total);
    size_t kind = 0;
    while (pick >= profile.weights[kind]) pick -= profile.weights[kind++];
    Fault fault{.kind = static_cast<Fault::Kind>(kind)};
    // Mostly early: a job without trouble takes a second or two.
    const int64_t at = draw(kTroubleMillis);
    fault.at = absl::Milliseconds(at * at / kTroubleMillis);
    fault.which = draw(1000);
    fault.other = draw(1000);
    fault.how = draw(12);
    // Mostly short.
    const int64_t length = draw(kLongestMillis);
    fault.length = absl::Milliseconds(length * length / kLongestMillis);
    faults.push_back(fault);
  }
  std::ranges::stable_sort(faults, {}, &Fault::at);
  return faults;
}

}  // namespace banyan::simulator
