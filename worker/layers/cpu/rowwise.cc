#include "worker/layers/cpu/rowwise.h"

#include <cmath>

#define BANYAN_KERNELS "worker/layers/cpu/rowwise.inc"
#include "worker/layers/cpu/for_each_level.h"

namespace banyan::worker {

const RowwiseKernels& RowwiseKernelsFor(CpuLevel level) { return BANYAN_TABLE_FOR(level); }

}  // namespace banyan::worker
