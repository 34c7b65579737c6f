#ifndef BANYAN_COORDINATOR_MEMBERSHIP_MEMBERS_H_
#define BANYAN_COORDINATOR_MEMBERSHIP_MEMBERS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/protocol/ids.h"

namespace banyan::coordinator {

enum class Role { kServer, kWorker };

// What a process says of itself when it comes.
struct Introduction {
  Role role = Role::kWorker;
  std::string name;
  Incarnation incarnation;
  std::string endpoint;
  std::string metrics_endpoint;
  int64_t pid = 0;
  std::string host;
  std::string device_kind;  // workers
  uint32_t threads = 1;
  std::string build;

  friend bool operator==(const Introduction&, const Introduction&) = default;
};

// Who is in the cluster, and since when nothing was heard of whom. Pure: told the time, keeps no clock.
// Thread-compatible.
//
// An id belongs to (role, name) for ever; an incarnation is one life. A name that comes with another incarnation is a
// new process: the old one is dead.
class Members {
 public:
  struct Member {
    uint64_t id = 0;
    Introduction introduction;
    bool alive = false;
    bool draining = false;
    absl::Duration last_heard;
    // Servers: jobs that can spare it have gone on without it, and it has not been heard since.
    bool suspected = false;
    absl::Duration patience;  // for it
    absl::Duration suspected_at = -absl::InfiniteDuration();
    absl::Duration barred_until = -absl::InfiniteDuration();  // but to jobs that wait
    absl::Duration bar;                                       // its last one
  };

  // How long a process whose stream is not known to have ended stays alive without a word. A server's wrong suspicion
  // rolls a job back, a worker's costs a little double work. docs/adr/0009 has the reasons.
  struct Leases {
    absl::Duration server = absl::Seconds(10);
    absl::Duration worker = absl::Seconds(2);
    // Others compute the leaves of a worker that is silent for so long, though its lease lives.
    absl::Duration silence = absl::Milliseconds(600);
    // After which jobs go on without a server that they can spare: others have its chunks, in sync. Twice as long each
    // time that it was wrong.
    absl::Duration patience = absl::Milliseconds(500);
  };

  explicit Members(Leases leases) : leases_(leases) {}

  // Ids of before, from the store.
  void Restore(Role role, const std::string& name, uint64_t id);

  struct Arrival {
    uint64_t id = 0;
    bool new_id = false;                    // not in the store yet
    bool came = false;                      // was not alive, or is another life
    std::optional<Incarnation> died;        // the life that this one ends
  };
  // A report came in.
  Arrival Hear(const Introduction& introduction, bool draining, absl::Duration now);

  // The stream of this life of the process ended. Returns whether it was alive.
  bool Leave(Role role, uint64_t id, Incarnation incarnation);

  // Ends the leases that have run out and returns whose. To be called at least every kLook: what could not be heard in
  // between, because the caller was not there, is nobody's silence.
  static constexpr absl::Duration kLook = absl::Milliseconds(250);
  std::vector<std::pair<Role, uint64_t>> Expire(absl::Duration now);

  // A job goes on without this silent server. Should it be heard again, it was wrong, and the next time comes later.
  void Suspect(uint64_t server, absl::Duration now);
  // A job goes on without this server, which is heard here, but not by its peers. No other job takes it but one that
  // waits for servers: for a minute, and twice as long each time.
  void Bar(uint64_t server, absl::Duration now);

  // Null: unknown.
  const Member* Find(Role role, uint64_t id) const;

  // By id.
  std::vector<const Member*> Alive(Role role) const;
  std::vector<const Member*> All() const;

 private:
  const Leases leases_;
  std::optional<absl::Duration> looked_;
  uint64_t next_id_ = 1;
  std::map<std::pair<Role, std::string>, uint64_t> ids_;
  std::map<std::pair<Role, uint64_t>, Member> members_;
};

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_MEMBERSHIP_MEMBERS_H_
