#include "common/cpu/cpu_level.h"

namespace banyan {
namespace {

constexpr CpuLevel kAllLevels[] = {CpuLevel::kSse2, CpuLevel::kAvx2, CpuLevel::kAvx512};

}  // namespace

std::string_view CpuLevelName(CpuLevel level) {
  switch (level) {
    case CpuLevel::kAvx512:
      return "avx512_core";
    case CpuLevel::kAvx2:
      return "avx2";
    case CpuLevel::kSse2:
      break;
  }
  return "sse2";
}

std::optional<CpuLevel> ParseCpuLevel(std::string_view name) {
  for (const CpuLevel level : kAllLevels) {
    if (CpuLevelName(level) == name) return level;
  }
  return std::nullopt;
}

CpuLevel DetectCpuLevel() {
  // These also ask the operating system whether it saves the wide registers.
  if (!__builtin_cpu_supports("avx2")) return CpuLevel::kSse2;
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return avx512 ? CpuLevel::kAvx512 : CpuLevel::kAvx2;
}

std::vector<CpuLevel> SupportedCpuLevels() {
  const CpuLevel highest = DetectCpuLevel();
  std::vector<CpuLevel> levels;
  for (const CpuLevel level : kAllLevels) {
    if (level <= highest) levels.push_back(level);
  }
  return levels;
}

}  // namespace banyan
