#ifndef BANYAN_COORDINATOR_PLACEMENT_REPLICAS_H_
#define BANYAN_COORDINATOR_PLACEMENT_REPLICAS_H_

#include <cstdint>
#include <optional>
#include <set>
#include <span>

#include "common/protocol/chunk_map.h"
#include "common/protocol/ids.h"

namespace banyan::coordinator {

// Names backups where chunks have fewer than 1 + `replicas` copies on servers that are not `leaving`, as far as there
// are servers: each on the server with the fewest bytes of copies that has none of the chunk. Stops once chunks of
// `most_bytes` have got one, for they wait until their backup has the state; at least one gets it. `chunk_bytes`: by
// chunk id. The epoch stays. Returns whether any was named.
bool NameBackups(std::span<const uint64_t> chunk_bytes, uint32_t replicas, uint64_t most_bytes,
                 const std::set<ServerId>& leaving, ChunkMap& map);

// The map without a server: where it was the primary, the first backup in sync is. Nothing when a chunk has none
// (rule R9). The epoch stays.
std::optional<ChunkMap> WithoutServer(const ChunkMap& map, ServerId server);

// Whether every backup is in sync.
bool AllInSync(const ChunkMap& map);

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_PLACEMENT_REPLICAS_H_
