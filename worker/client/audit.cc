#include "worker/client/audit.h"

#include <algorithm>
#include <cstddef>

#include "common/random/philox.h"

namespace banyan::worker {

bool IsAudited(uint64_t seed, double share, Step step, uint32_t leaf) {
  if (!(share > 0)) return false;
  // The last word keeps apart from what decides bits.
  const PhiloxBlock block =
      Philox4x32({leaf, static_cast<uint32_t>(step), static_cast<uint32_t>(step >> 32), 0x61756474}, seed);
  return block[0] < share * 0x1p32;
}

std::vector<uint32_t> AuditsOf(WorkerId worker, const Assignment& assignment, const Tree& tree, uint64_t seed,
                               double share, Step step) {
  std::vector<uint32_t> audits;
  std::vector<const Assignment::Share*> shares;
  for (const Assignment::Share& one : assignment.shares) {
    if (!one.nodes.empty()) shares.push_back(&one);
  }
  const auto mine = std::find_if(shares.begin(), shares.end(),
                                 [&](const Assignment::Share* one) { return one->worker == worker; });
  if (mine == shares.end() || shares.size() < 2) return audits;
  const Assignment::Share* const before = mine == shares.begin() ? shares.back() : *(mine - 1);
  for (const Node& node : before->nodes) {
    const LeafRange range = tree.Leaves(node);
    for (uint32_t leaf = range.begin; leaf < range.end; ++leaf) {
      if (IsAudited(seed, share, step, leaf)) audits.push_back(leaf);
    }
  }
  std::sort(audits.begin(), audits.end());
  return audits;
}

}  // namespace banyan::worker
