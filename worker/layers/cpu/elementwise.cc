#include "worker/layers/cpu/elementwise.h"

#define BANYAN_KERNELS "worker/layers/cpu/elementwise.inc"
#include "worker/layers/cpu/for_each_level.h"

namespace banyan::worker {

const ElementwiseKernels& ElementwiseKernelsFor(CpuLevel level) { return BANYAN_TABLE_FOR(level); }

}  // namespace banyan::worker
