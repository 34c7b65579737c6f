#ifndef BANYAN_COORDINATOR_SHARES_AUDITS_H_
#define BANYAN_COORDINATOR_SHARES_AUDITS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/protocol/session.h"

namespace banyan::coordinator {

// What workers computed of audited leaves (run.audit), compared. A leaf's gradient is a function of its name, so two
// workers that differ prove that one of them computes wrong. Thread-compatible.
class Audits {
 public:
  // Leaves that nobody has computed a second time are forgotten after so many others.
  static constexpr size_t kMost = 4096;

  struct Difference {
    std::string first;   // who
    std::string second;
    size_t fingerprint = 0;  // the first that differs
  };
  // `who` computed it. Nothing: it is the first, or all are the same.
  std::optional<Difference> Take(const std::string& who, const LeafAudit& audit);

  // A new term: steps are computed again.
  void Forget() { first_.clear(); }

  uint64_t compared() const { return compared_; }

 private:
  struct Computed {
    std::string who;
    std::vector<uint64_t> fingerprints;
  };

  std::map<std::pair<Step, uint32_t>, Computed> first_;
  uint64_t compared_ = 0;
};

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_SHARES_AUDITS_H_
