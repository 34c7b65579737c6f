// Joins and sums of squares against memcpy of the same run: what counts is the bytes a second they move.
#include <cstring>
#include <vector>

#include "benchmark/benchmark.h"
#include "common/reduce/join.h"
#include "common/reduce/norm.h"

namespace banyan {
namespace {

void Memcpy(benchmark::State& state) {
  const size_t n = state.range(0);
  std::vector<float> to(n, 1), from(n, 2);
  for (auto _ : state) {
    std::memcpy(to.data(), from.data(), n * sizeof(float));
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * n * 2 * sizeof(float));
}

void JoinAt(benchmark::State& state) {
  const size_t n = state.range(0);
  const CpuLevel level = static_cast<CpuLevel>(state.range(1));
  std::vector<float> sum(n, 1), part(n, 2);
  for (auto _ : state) {
    Join(level, std::span<float>(sum), std::span<const float>(part));
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * n * 3 * sizeof(float));
  state.SetLabel(std::string(CpuLevelName(level)));
}

void SumOfSquaresAt(benchmark::State& state) {
  const size_t n = state.range(0);
  const CpuLevel level = static_cast<CpuLevel>(state.range(1));
  std::vector<float> values(n, 1.5f);
  for (auto _ : state) benchmark::DoNotOptimize(SegmentSumOfSquares(level, std::span<const float>(values)));
  state.SetBytesProcessed(state.iterations() * n * sizeof(float));
  state.SetLabel(std::string(CpuLevelName(level)));
}

void AtLevels(benchmark::internal::Benchmark* benchmark) {
  for (const int64_t n : {1 << 18, 1 << 25}) {
    for (const CpuLevel level : SupportedCpuLevels()) benchmark->Args({n, static_cast<int64_t>(level)});
  }
}

BENCHMARK(Memcpy)->Arg(1 << 18)->Arg(1 << 25);
BENCHMARK(JoinAt)->Apply(AtLevels);
BENCHMARK(SumOfSquaresAt)->Apply(AtLevels);

}  // namespace
}  // namespace banyan

BENCHMARK_MAIN();
