#ifndef BANYAN_COORDINATOR_PLACEMENT_PLACEMENT_H_
#define BANYAN_COORDINATOR_PLACEMENT_PLACEMENT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "common/protocol/ids.h"

namespace banyan::coordinator {

// Gives each chunk to a server by rendezvous hashing with a bound on the load: every chunk ranks the servers by a hash
// of (chunk, server) and takes the first that has room. So a server's coming or going moves few chunks but its own,
// and no server holds more than the mean by over 5 % or one chunk, whichever is more. A function of its arguments
// alone: (Thaler and Ravishankar 1998; Mirrokni, Thorup and Zadimoghaddam 2018 for the bound).
//
// `chunk_bytes`: by chunk id; chunks of 0 bytes go where their hash says. `servers`: at least one, in any order.
// Returns, by chunk id, the index into `servers`.
std::vector<uint32_t> PlaceChunks(std::span<const uint64_t> chunk_bytes, std::span<const ServerId> servers);

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_PLACEMENT_PLACEMENT_H_
