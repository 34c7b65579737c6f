#ifndef BANYAN_COORDINATOR_CLUSTER_DECIDER_H_
#define BANYAN_COORDINATOR_CLUSTER_DECIDER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/strong_id.h"
#include "common/protocol/session.h"
#include "coordinator/cluster/cluster.h"
#include "coordinator/cluster/decision_store.h"
#include "coordinator/cluster/store_effects.h"

namespace banyan::coordinator {

// One Session stream, numbered in the order in which they open; a number is used once in a life of the coordinator.
using SessionId = StrongId<struct SessionTag, uint64_t>;

// One life of the coordinator but for its threads, sockets and clock: begins with what the store has, takes what
// processes report and people ask, and says what each session shall be told. Two implementations of the shell exist:
// coordinator/service/core (a thread, gRPC, SQLite) and the simulator's.
//
// The order is the caller's duty: inputs, then Commit, and only when that was OK CommandFor, for nobody may hear of a
// decision that could be forgotten. Thread-compatible.
class Decider {
 public:
  using Now = Cluster::Now;

  struct Options {
    std::string jobs_directory;  // absolute; a job's checkpoints lie in the folder of its id
    Members::Leases leases;
    absl::Duration stall_limit = absl::Seconds(60);
    uint64_t first_number = 1;  // of a job that is submitted to an empty store
  };

  // What a process is to be told. Always whole: the last one counts.
  struct Command {
    uint64_t coordinator_term = 0;
    uint64_t id = 0;  // of the process
    bool leave = false;
    std::map<std::string, JobOrder> jobs;  // by id

    friend bool operator==(const Command&, const Command&) = default;
  };

  // Reads what `store` has, which outlives the decider. Its errors.
  static absl::StatusOr<std::unique_ptr<Decider>> Open(Options options, DecisionStore& store, StoreEffects::Work work,
                                                       Now now);

  // A report came on a session: returns the process's id. INVALID_ARGUMENT when the session's process has become
  // another one, FAILED_PRECONDITION when a process of that name has a newer one: only the newest session counts.
  absl::StatusOr<uint64_t> OnReport(SessionId session, const Cluster::Heard& heard, Now now);
  // A session's stream ended. Returns whether that was its process's death: not if it has another session, or had died.
  bool OnSessionEnded(SessionId session, Now now);

  // All else that happens, and what is known.
  Cluster& cluster() { return cluster_; }
  const Cluster& cluster() const { return cluster_; }
  uint64_t coordinator_term() const { return coordinator_term_; }

  // Makes durable what was decided; `wrote` (may be null): whether anything was. After an error nothing may be told;
  // after RESOURCE_EXHAUSTED, a full disk, it may be tried again, and nothing be decided until it is OK.
  absl::Status Commit(bool* wrote) { return effects_.Commit(wrote); }

  // Null: no report came on it yet, or it has ended.
  const std::pair<Role, uint64_t>* ProcessOf(SessionId session) const;
  Command CommandFor(SessionId session) const;

 private:
  Decider(Options options, DecisionStore& store, StoreEffects::Work work, uint64_t coordinator_term);
  absl::Status Load(DecisionStore& store, Now now);

  struct Session {
    std::pair<Role, uint64_t> process;
    std::string name;
    Incarnation incarnation;
  };

  const uint64_t coordinator_term_;
  StoreEffects effects_;
  Cluster cluster_;
  std::map<SessionId, Session> sessions_;
};

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_CLUSTER_DECIDER_H_
