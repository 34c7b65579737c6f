#ifndef BANYAN_COORDINATOR_PLACEMENT_BALANCE_H_
#define BANYAN_COORDINATOR_PLACEMENT_BALANCE_H_

#include <cstdint>
#include <set>
#include <span>

#include "common/protocol/chunk_map.h"
#include "common/protocol/ids.h"

namespace banyan::coordinator {

// How chunks come to servers that have joined, or come back: a copy more where one is wanted, and when all are in sync,
// one less where there is one too many (docs/adr/0007: one act). Functions of their arguments alone; the epoch stays.
// Servers in `leaving` get nothing and count for nothing.
struct BalanceRules {
  std::span<const uint64_t> chunk_bytes;  // by chunk id
  uint32_t replicas = 0;
  uint64_t most_bytes = 0;  // of chunks that get another copy at once; one may always
  const std::set<ServerId>& leaving;
};

// Gives primaries to whom they are wanted at, where a copy is there in sync, and names backups where they are wanted.
// Wanted are the primaries that PlaceChunks would have placed on these servers, as long as that evens them out by a
// chunk or more; then backups on the servers with the fewest bytes. Every copy in `map` is in sync and none is missing.
// Returns whether anything changed; what is even stays as it is, so this ends.
bool MoveTowardsBalance(const BalanceRules& rules, ChunkMap& map);

// Drops copies beyond 1 + `replicas`, where all of a chunk's are in sync: the primary is the one that is wanted, and the
// server with the most bytes loses its copy. Returns whether any was dropped.
bool DropSurplus(const BalanceRules& rules, ChunkMap& map);

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_PLACEMENT_BALANCE_H_
