#include "worker/layers/cpu/attention.h"

#define BANYAN_KERNELS "worker/layers/cpu/attention.inc"
#include "worker/layers/cpu/for_each_level.h"

namespace banyan::worker {

const AttentionKernels& AttentionKernelsFor(CpuLevel level) { return BANYAN_TABLE_FOR(level); }

}  // namespace banyan::worker
