#ifndef BANYAN_TESTS_SIMULATOR_FAULTS_H_
#define BANYAN_TESTS_SIMULATOR_FAULTS_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "tests/simulator/message_kind.h"

namespace banyan::simulator {

// Something that goes wrong, or that people do, at a time or at a moment: when a message of some kind is handed out.
// Which process it meets follows from `which` and who is there then (at a moment: its sender or its receiver, mostly);
// a fault that finds nobody does nothing.
struct Fault {
  enum class Kind {
    kBreakStream,
    kCrashCoordinator,  // `how`: at once, before or after something is durable, at a call of the disk
    kCrashServer,       // `how`: at once, noticed late (a silent host), at a call of the disk
    kDrainServer,       // SIGTERM; and come back later
    kCrashWorker,
    kCrashHost,    // a server and a worker at once
    kLeaveWorker,  // and come back later
    kPause,        // a slow host: a process stands still
    kCut,          // a partition from `which` to `other`; `how`: in both directions, at a moment also to everybody
    kSever,        // a server is cut off for good; `how`: from server `other`, all workers, or these and all servers
    kClockJump,    // by `length`; `how`: back
    kDiskFull,     // the disk that all share
    kPowerCut,     // everything dies, and the disk loses what was not synced
    kStop,         // people stop the job, and resume it with other counts; `how`: at once, without a checkpoint
    kPauseJob,     // people pause the job, and resume it as it is
    kScale,        // people scale workers or servers up or down
    kFork,         // people fork the job at one of its steps, where it rests or has succeeded: at no time of its own
    kCrash,        // whoever lives at `which`; `how`: noticed late
  };
  static constexpr size_t kKinds = 18;

  Kind kind = Kind::kBreakStream;
  absl::Duration at;
  uint32_t which = 0;
  uint32_t other = 0;
  uint32_t how = 0;
  absl::Duration length;  // until it is over: restarted, resumed, healed
  // Not kOther: from `at` on it waits for the next message of that kind, and then for a while.
  MessageKind moment = MessageKind::kOther;
  absl::Duration after;
};

std::string ToString(const Fault& fault);

// Which faults, and how many. Aimed at the rules of docs/protocol.md: docs/simulator.md says which at what.
struct Profile {
  std::string_view name;
  uint32_t most = 0;                              // faults in a run
  std::array<uint32_t, Fault::kKinds> weights{};  // of each kind
  bool tight = false;                             // the least memory on servers and workers
  // Backups of each chunk, at least and at most.
  uint32_t least_replicas = 0;
  uint32_t most_replicas = 0;
  // Servers die one after the other, each when every chunk is known to be in sync elsewhere: then there is one term.
  bool spare = false;
  // Every computation of a leaf gives another value, as in jobs outside the bit contract. Then there is no one hash;
  // what was served, written and told in a term must still be one thing.
  bool authors = false;
  // Workers with unequal shares, one much slower than the others, and the least memory.
  bool uneven = false;
  // In one run of so many leaves are audited: computed twice, and compared. 0: in none.
  uint32_t audits_one_in = 0;
  // One worker computes some leaves wrong, and all leaves are audited: the job must fail, and name leaf and workers.
  bool wrong = false;
  // Times count from when the job first runs: it has no quiet beginning.
  bool amid = false;
  absl::Duration longest = absl::Seconds(3);  // until a fault is over; most are shorter
  // Faults come at moments, of one of these kinds, up to `volley` at once: `most` counts the moments.
  std::vector<MessageKind> moments;
  uint32_t volley = 0;
  // Messages of these kinds are late now and then, by as much at most.
  std::map<MessageKind, absl::Duration> delays;
};

const std::vector<Profile>& Profiles();
// Null: no such profile.
const Profile* FindProfile(std::string_view name);

// The faults of one run, by time; a function of its arguments alone.
std::vector<Fault> MakeFaults(const Profile& profile, uint64_t seed);

}  // namespace banyan::simulator

#endif  // BANYAN_TESTS_SIMULATOR_FAULTS_H_
