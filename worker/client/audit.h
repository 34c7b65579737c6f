#ifndef BANYAN_WORKER_CLIENT_AUDIT_H_
#define BANYAN_WORKER_CLIENT_AUDIT_H_

#include <cstdint>
#include <vector>

#include "common/protocol/session.h"
#include "common/tree/tree.h"

namespace banyan::worker {

// Whether a leaf is audited (run.audit): computed by a second worker, too, and compared. A function of its arguments, so
// all workers agree; `share` of the leaves are, drawn by Philox.
bool IsAudited(uint64_t seed, double share, Step step, uint32_t leaf);

// The audited leaves that `worker` computes beside its own, in order: those of the worker before it among those who have
// leaves, or, being without leaves itself, none. With one such worker there is nobody to compare with.
std::vector<uint32_t> AuditsOf(WorkerId worker, const Assignment& assignment, const Tree& tree, uint64_t seed,
                               double share, Step step);

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_CLIENT_AUDIT_H_
