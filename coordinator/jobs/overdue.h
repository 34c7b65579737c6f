#ifndef BANYAN_COORDINATOR_JOBS_OVERDUE_H_
#define BANYAN_COORDINATOR_JOBS_OVERDUE_H_

#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/time/time.h"
#include "common/protocol/session.h"

namespace banyan::coordinator {

// A wait, and the process that has it.
struct NamedWait {
  std::string who;
  Wait wait;
};

// How long a wait of this kind (Wait::what) lasts before people hear of it: the table of docs/protocol.md, section 8.
absl::Duration DeadlineOf(std::string_view what);

// The waits that have passed their deadlines. Changes nothing: it says whom a job waits for, the coordinator's other
// rules decide. Pure, thread-compatible.
class Overdue {
 public:
  // All waits there are now. Returns those that have passed their deadline since the last call; their `since` is set. A
  // wait without `since` counts from the call that first had it.
  std::vector<NamedWait> Take(std::vector<NamedWait> waits, absl::Time now);

  // The waits that are past their deadlines, as of the last Take.
  const std::vector<NamedWait>& all() const { return overdue_; }

 private:
  // Who waits for what of whom: the rest, as the step, changes while it is the same wait.
  using Key = std::tuple<std::string, std::string, std::vector<uint64_t>>;

  struct Known {
    absl::Time first_seen;
    bool told = false;
  };

  std::map<Key, Known> known_;
  std::vector<NamedWait> overdue_;
};

// "waits 12s for leaves: ...", of an overdue wait.
std::string WaitText(const NamedWait& wait, absl::Time now);

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_JOBS_OVERDUE_H_
