#include "tests/simulator/faults.h"

#include <algorithm>
#include <numeric>
#include <random>

#include "absl/strings/str_cat.h"

namespace banyan::simulator {
namespace {

// Faults begin before this.
constexpr int64_t kTroubleMillis = 4000;
// A moment's faults come that soon after it.
constexpr int64_t kAfterMillis = 60;

constexpr std::string_view kNames[Fault::kKinds] = {
    "break a stream",   "crash the coordinator", "crash a server",  "a server drains",
    "crash a worker",   "crash a host",          "a worker leaves", "a process stands still",
    "cut the network",  "sever a server",        "a clock jumps",   "the disk is full",
    "cut the power",    "stop the job",          "pause the job",   "scale the job",
    "fork the job",     "crash a process"};

}  // namespace

std::string ToString(const Fault& fault) {
  std::string moment;
  if (fault.moment != MessageKind::kOther) {
    moment = absl::StrCat(", ", absl::FormatDuration(fault.after), " after the next ", std::string(NameOf(fault.moment)));
  }
  return absl::StrCat("at ", absl::FormatDuration(fault.at), moment, ": ", std::string(kNames[static_cast<size_t>(fault.kind)]),
                      " (which ", fault.which, ", other ", fault.other, ", how ", fault.how, ", for ",
                      absl::FormatDuration(fault.length), ")");
}

const std::vector<Profile>& Profiles() {
  using enum MessageKind;
  // break coord server drain worker host leave still cut sever clock full power stop pause scale fork crash
  static const std::vector<Profile> profiles = {
      {.name = "mixed", .most = 16, .weights = {12, 2, 1, 1, 4, 0, 2, 3, 3, 0, 1, 1, 0, 1, 1, 2, 1},
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
      {.name = "recovery", .most = 10, .weights = {4, 2, 3, 0, 2, 0, 0, 1, 0, 0, 0, 0, 1}, .most_replicas = 1},
      {.name = "partitions", .most = 12, .weights = {4, 0, 0, 0, 1, 0, 0, 2, 6}},
      {.name = "slow", .most = 10, .weights = {2, 0, 0, 0, 0, 0, 1, 6}},
      {.name = "clocks", .most = 8, .weights = {2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 6}},
      {.name = "disk", .most = 6, .weights = {2, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 1}, .most_replicas = 1},
      {.name = "power", .most = 5, .weights = {2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3}},
      {.name = "stop", .most = 10, .weights = {2, 1, 1, 0, 1, 0, 0, 1, 4, 0, 0, 0, 0, 4},
       .most_replicas = 1, .amid = true},
      {.name = "pause", .most = 10, .weights = {2, 1, 1, 0, 1, 0, 0, 1, 2, 0, 0, 0, 0, 1, 5},
       .most_replicas = 1, .amid = true},
      {.name = "scale", .most = 12, .weights = {2, 1, 1, 0, 2, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 8},
       .most_replicas = 2, .amid = true},
      {.name = "fork", .most = 8, .weights = {2, 1, 1, 0, 1, 0, 1, 1, 0, 0, 0, 0, 0, 1, 1, 0, 3}, .most_replicas = 1},
      {.name = "audit", .most = 12, .weights = {4, 1, 0, 0, 3, 0, 2, 2, 1},
       .most_replicas = 1, .audits_one_in = 1, .amid = true},
      {.name = "wrong", .most = 6, .weights = {1, 0, 0, 0, 0, 0, 0, 1, 4}, .audits_one_in = 1, .wrong = true},
      {.name = "window", .most = 24, .weights = {2, 0, 0, 0, 4, 0, 3, 1}, .uneven = true, .amid = true},
      {.name = "tight", .most = 12, .weights = {2, 0, 0, 0, 2, 0, 2, 4}, .tight = true},
      {.name = "commit", .most = 8, .weights = {3, 0, 6, 0, 0, 2, 0, 0, 8},
       .least_replicas = 1, .most_replicas = 2, .authors = true, .amid = true,
       .moments = {kRoot, kHeld, kSum}, .volley = 4},
      {.name = "handover", .most = 12, .weights = {0, 4, 5, 0, 0, 4, 0, 0, 1},
       .least_replicas = 1, .most_replicas = 1, .authors = true, .uneven = true, .amid = true,
       .moments = {kInSync, kInSync, kInSync, kRoot}, .volley = 3},
      {.name = "laggards", .most = 12, .weights = {2, 1, 6, 0, 0, 2, 0, 0, 1},
       .least_replicas = 1, .most_replicas = 1, .authors = true, .amid = true,
       .moments = {kInSync}, .volley = 3,
       .delays = {{kSum, absl::Seconds(1)}, {kRoot, absl::Milliseconds(600)}}},
      {.name = "elders", .most = 10, .weights = {2, 0, 6, 0, 3, 0, 0, 2, 4},
       .least_replicas = 2, .most_replicas = 2, .authors = true, .amid = true,
       .moments = {kRoot, kRoot, kWeights, kSum, kHeld}, .volley = 3,
       .delays = {{kRoot, absl::Milliseconds(800)}}},
      {.name = "late", .most = 8, .weights = {1, 0, 0, 0, 0, 0, 0, 1, 8, 0, 0, 0, 0, 4},
       .most_replicas = 1, .amid = true, .longest = absl::Milliseconds(800),
       .moments = {kEntries, kCommand}, .volley = 4},
      {.name = "severed", .most = 16, .weights = {4, 0, 0, 0, 2, 0, 1, 0, 0, 7},
       .least_replicas = 1, .most_replicas = 2, .spare = true, .amid = true},
      {.name = "moves", .most = 24, .weights = {8, 0, 0, 0, 1, 0, 1, 2, 1},
       .uneven = true, .amid = true, .moments = {kPush, kPush, kAssignment, kState}, .volley = 2},
      {.name = "handout", .most = 12, .weights = {2, 0, 0, 1, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 2, 0, 16},
       .least_replicas = 1, .most_replicas = 2, .amid = true,
       .moments = {kHello, kPush, kPull, kState, kWeights, kMark, kMoved, kGreeting, kRoot, kChunkState, kChunkState,
                   kHeld, kSum, kEntries, kPart, kInSync, kCommand, kAssignment, kMap, kMap},
       .volley = 3},
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
  // Mostly small.
  const auto draw_time = [&](int64_t most) {
    const int64_t millis = draw(static_cast<uint64_t>(most));
    return absl::Milliseconds(millis * millis / most);
  };
  const uint32_t total = std::accumulate(profile.weights.begin(), profile.weights.end(), 0u);
  std::vector<Fault> faults;
  if (total == 0) return faults;
  const auto draw_fault = [&] {
    uint32_t pick = draw(total);
    size_t kind = 0;
    while (pick >= profile.weights[kind]) pick -= profile.weights[kind++];
    Fault fault{.kind = static_cast<Fault::Kind>(kind)};
    // Mostly early: a job without trouble takes a second or two.
    fault.at = draw_time(kTroubleMillis);
    fault.which = draw(1000);
    fault.other = draw(1000);
    fault.how = draw(12);
    fault.length = draw_time(absl::ToInt64Milliseconds(profile.longest));
    return fault;
  };
  for (uint32_t count = draw(profile.most + 1); count > 0; --count) {
    const size_t first = faults.size();
    faults.push_back(draw_fault());
    if (profile.moments.empty()) continue;
    const absl::Duration at = faults.back().at;
    const MessageKind moment = profile.moments[draw(profile.moments.size())];
    for (uint32_t more = draw(profile.volley); more > 0; --more) faults.push_back(draw_fault());
    for (size_t i = first; i < faults.size(); ++i) {
      faults[i].at = at;
      faults[i].moment = moment;
      if (draw(2) == 0) faults[i].after = draw_time(kAfterMillis);
    }
  }
  std::ranges::stable_sort(faults, {}, &Fault::at);
  return faults;
}

}  // namespace banyan::simulator
