#include "tests/fuzz/coverage.h"

#include <bit>
#include <cstdint>
#include <cstring>

namespace banyan::fuzz {
namespace {

// As AFL does (Zalewski, "Technical whitepaper for afl-fuzz"): pairs of basic blocks that follow each other, hashed.
constexpr size_t kPairs = 1 << 16;
uint8_t counts[kPairs];
uint8_t seen[kPairs];  // a bit for each power of two of the count
thread_local uintptr_t previous = 0;

}  // namespace

void BeginInput() {
  std::memset(counts, 0, sizeof(counts));
  previous = 0;
}

size_t NewSteps() {
  size_t steps = 0;
  uint64_t eight;
  for (size_t begin = 0; begin < kPairs; begin += sizeof(eight)) {
    std::memcpy(&eight, counts + begin, sizeof(eight));
    if (eight == 0) continue;  // nearly always
    for (size_t i = begin; i < begin + sizeof(eight); ++i) {
      const uint8_t power = std::bit_floor(counts[i]);
      if ((seen[i] & power) != power) ++steps;
      seen[i] |= power;
    }
  }
  return steps;
}

}  // namespace banyan::fuzz

extern "C" __attribute__((no_sanitize_coverage, no_sanitize_address, no_sanitize_undefined)) void
__sanitizer_cov_trace_pc() {
  using namespace banyan::fuzz;
  // Distances inside the program: it lies elsewhere in each run.
  const uintptr_t here = reinterpret_cast<uintptr_t>(__builtin_return_address(0)) -
                         reinterpret_cast<uintptr_t>(&__sanitizer_cov_trace_pc);
  uint8_t& count = counts[((here * 0x9e3779b97f4a7c15u >> 40) ^ previous) % kPairs];
  if (count < 255) ++count;
  previous = (here * 0x9e3779b97f4a7c15u >> 41);
}
