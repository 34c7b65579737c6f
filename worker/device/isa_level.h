#ifndef BANYAN_WORKER_DEVICE_ISA_LEVEL_H_
#define BANYAN_WORKER_DEVICE_ISA_LEVEL_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace banyan::worker {

// The instruction sets that kernels are compiled for. Part of a CPU's device kind: bits may differ between levels.
enum class IsaLevel : uint8_t {
  kBaseline,  // SSE4.1, the least that oneDNN runs on
  kAvx2,      // with FMA
  kAvx512,    // F, BW, CD, DQ, VL: Skylake-SP and Zen 4 onwards
};

// "sse41", "avx2", "avx512_core": oneDNN's names.
const char* IsaLevelName(IsaLevel level);
std::optional<IsaLevel> ParseIsaLevel(std::string_view name);

// The highest level that this processor and its operating system offer.
IsaLevel DetectIsaLevel();

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_DEVICE_ISA_LEVEL_H_
