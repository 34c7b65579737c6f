#include "coordinator/shares/audits.h"

#include <algorithm>

namespace banyan::coordinator {

std::optional<Audits::Difference> Audits::Take(const std::string& who, const LeafAudit& audit) {
  const auto [found, fresh] =
      first_.try_emplace({audit.step, audit.leaf}, Computed{.who = who, .fingerprints = audit.fingerprints});
  if (fresh) {
    if (first_.size() > kMost) first_.erase(first_.begin());
    return std::nullopt;
  }
  const Computed& first = found->second;
  // Told again.
  if (first.who == who && first.fingerprints == audit.fingerprints) return std::nullopt;
  ++compared_;
  const auto [one, other] = std::mismatch(first.fingerprints.begin(), first.fingerprints.end(),
                                          audit.fingerprints.begin(), audit.fingerprints.end());
  if (one == first.fingerprints.end() && other == audit.fingerprints.end()) return std::nullopt;
  return Difference{.first = first.who,
                    .second = who,
                    .fingerprint = static_cast<size_t>(one - first.fingerprints.begin())};
}

}  // namespace banyan::coordinator
