#ifndef BANYAN_CLI_CHAOS_CHAOS_PLAN_H_
#define BANYAN_CLI_CHAOS_CHAOS_PLAN_H_

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

namespace banyan::cli {

// What is done next to the processes of a cluster in which a job must survive, drawn from a seed. Pure: told the time
// by its caller, keeps no clock. Thread-compatible.
//
// Anything may be hit at any moment, but the job is left a chance to get on: nobody is hit while it does not run, a
// server only after the job has come past all it had done when the last one was, and where no server has another's
// chunks, past a new checkpoint too.
class ChaosPlan {
 public:
  struct Options {
    uint64_t seed = 0;
    absl::Duration every = absl::Seconds(2);  // between two acts, on the average
    uint32_t most_workers = 4;
    uint32_t least_servers = 1;  // what the job wants; one more may be there
    bool replicas = false;       // whether chunks survive a server
  };

  enum class Kind {
    kKill,    // SIGKILL; it is started again
    kFreeze,  // SIGSTOP, and SIGCONT after `lasts`
    kAdd,     // one more of the role `who`
    kRemove,  // it drains and does not come back
  };
  struct Act {
    Kind kind = Kind::kKill;
    std::string who;  // a process, or with kAdd a role
    absl::Duration lasts;
  };

  struct View {
    bool running = false;            // the job
    uint64_t step = 0;               // that it has come to
    uint64_t checkpoint = 0;         // step of its newest checkpoint
    std::vector<std::string> names;  // processes that run, as worker-0
  };

  explicit ChaosPlan(const Options& options) : options_(options), random_(options.seed) {}

  // Until the next act.
  absl::Duration Pause();
  // Nothing: it is not the time for any.
  std::optional<Act> Next(const View& view);

  // How often each was drawn, as "killed" and "stopped for a while".
  const std::map<std::string, int>& counts() const { return counts_; }

 private:
  uint64_t Draw(uint64_t choices);  // 0 .. choices - 1
  bool ServersMayGo(const View& view) const;
  // Of a role, but for those that were taken away: they run until they have drained.
  std::vector<std::string> WhoStays(const View& view, std::string_view role) const;

  const Options options_;
  std::mt19937_64 random_;  // its numbers are the same everywhere
  uint64_t hit_step_ = 0;        // the step at which a server was last hit, and the newest checkpoint then
  uint64_t hit_checkpoint_ = 0;
  bool hit_ = false;
  std::set<std::string> removed_;
  std::map<std::string, int> counts_;
};

// "killed worker-0", for people.
std::string Describe(const ChaosPlan::Act& act);

}  // namespace banyan::cli

#endif  // BANYAN_CLI_CHAOS_CHAOS_PLAN_H_
