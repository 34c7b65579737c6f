#ifndef BANYAN_COMMON_PROTOCOL_IDS_H_
#define BANYAN_COMMON_PROTOCOL_IDS_H_

#include <cstdint>

#include "common/base/strong_id.h"

namespace banyan {

// A chunk of a job's parameters, numbered in the order in which backward first completes them; the evaluation chunk
// comes last.
using ChunkId = StrongId<struct ChunkTag, uint32_t>;

// Processes, numbered by the coordinator; an id belongs to a name and survives restarts.
using WorkerId = StrongId<struct WorkerTag, uint64_t>;
using ServerId = StrongId<struct ServerTag, uint64_t>;

// One life of a process, random.
using Incarnation = StrongId<struct IncarnationTag, uint64_t>;

// Counts. Steps count from 1; step 0 is the initial state. A job's term grows on every restore and resume and on
// nothing else; its epoch on every change of the chunk map.
using Step = uint64_t;
using Term = uint64_t;
using Epoch = uint64_t;

}  // namespace banyan

#endif  // BANYAN_COMMON_PROTOCOL_IDS_H_
