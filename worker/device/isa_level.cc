#include "worker/device/isa_level.h"

#include <array>

namespace banyan::worker {
namespace {

constexpr std::array<const char*, 3> kNames = {"sse41", "avx2", "avx512_core"};

}  // namespace

const char* IsaLevelName(IsaLevel level) { return kNames[static_cast<size_t>(level)]; }

std::optional<IsaLevel> ParseIsaLevel(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (name == kNames[i]) return static_cast<IsaLevel>(i);
  }
  return std::nullopt;
}

IsaLevel DetectIsaLevel() {
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  if (avx2 && avx512) return IsaLevel::kAvx512;
  return avx2 ? IsaLevel::kAvx2 : IsaLevel::kBaseline;
}

}  // namespace banyan::worker
