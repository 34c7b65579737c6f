#ifndef BANYAN_SERVER_SHARD_PAYLOAD_JOIN_H_
#define BANYAN_SERVER_SHARD_PAYLOAD_JOIN_H_

#include <span>

#include "common/cpu/cpu_level.h"
#include "common/tensor/payload.h"

namespace banyan::server {

// The elements of a payload as it came from the wire: little-endian fp32 in ranges that begin and end anywhere, inside
// an element too. `payload.size()` is 4 * values.size().

// values[i] = payload[i]
void CopyPayload(std::span<float> values, const Payload& payload);

// sum[i] += payload[i], the join of two partials
void JoinPayload(CpuLevel level, std::span<float> sum, const Payload& payload);

}  // namespace banyan::server

#endif  // BANYAN_SERVER_SHARD_PAYLOAD_JOIN_H_
