#ifndef BANYAN_COMMON_CPU_CPU_LEVEL_H_
#define BANYAN_COMMON_CPU_CPU_LEVEL_H_

#include <optional>
#include <string_view>
#include <vector>

namespace banyan {

// An instruction set that our own loops are built for. A level includes those before it. It decides speed only: what
// runs through RunAt (common/cpu/run_at.h) gives the same bits at every level.
enum class CpuLevel { kSse2, kAvx2, kAvx512 };

// "sse2", "avx2" or "avx512_core" (F, BW, DQ and VL; oneDNN's name).
std::string_view CpuLevelName(CpuLevel level);

// The level of that name.
std::optional<CpuLevel> ParseCpuLevel(std::string_view name);

// The highest level that this machine and its operating system support. main() asks once and passes it on.
CpuLevel DetectCpuLevel();

// Every level that this machine can run, lowest first: what a test of bits goes through.
std::vector<CpuLevel> SupportedCpuLevels();

}  // namespace banyan

#endif  // BANYAN_COMMON_CPU_CPU_LEVEL_H_
