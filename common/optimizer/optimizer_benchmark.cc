// Updates against memory: parameters a second, and the bytes that a pass over weights, accumulator and slots moves, in
// the same run as memcpy and as Adam's loop without a fingerprint.
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "common/cpu/run_at.h"
#include "common/optimizer/adam.h"
#include "common/optimizer/momentum.h"
#include "common/optimizer/sgd.h"

namespace banyan {
namespace {

constexpr int64_t kElements = 1 << 25;
// What a server updates at a time: a chunk of 1 MiB.
constexpr int64_t kChunk = 1 << 18;

void Memcpy(benchmark::State& state) {
  std::vector<float> to(kElements, 1), from(kElements, 2);
  for (auto _ : state) {
    std::memcpy(to.data(), from.data(), kElements * sizeof(float));
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * kElements * 2 * sizeof(float));
}

void Update(benchmark::State& state, std::unique_ptr<const UpdateRule> (*make)()) {
  const auto rule = make();
  const CpuLevel level = static_cast<CpuLevel>(state.range(0));
  std::vector<float> weights(kElements, 1), accumulator(kElements, 2);
  std::vector<std::vector<float>> slots(rule->SlotNames().size(), std::vector<float>(kElements, 0.5f));
  UpdateStep step{.learning_rate = 1e-3, .gradient_factor = 0.1};
  for (auto _ : state) {
    for (int64_t begin = 0; begin < kElements; begin += kChunk) {
      std::vector<float*> chunk_slots;
      for (auto& slot : slots) chunk_slots.push_back(slot.data() + begin);
      const UpdateSegment<float> segment{
          .tensor = "h.0.mlp.c_fc.weight",
          .first_block = static_cast<uint64_t>(begin) / 4096,
          .weights = std::span<const float>(weights).subspan(begin, kChunk),
          .accumulator = std::span<float>(accumulator).subspan(begin, kChunk),
          .slots = chunk_slots,
      };
      benchmark::DoNotOptimize(rule->Apply(level, step, segment));
    }
    ++step.update;
  }
  state.SetItemsProcessed(state.iterations() * kElements);
  // Weights are read, accumulator and slots read and written.
  state.SetBytesProcessed(state.iterations() * kElements * (3 + 2 * slots.size()) * sizeof(float));
  state.SetLabel(std::string(CpuLevelName(level)));
}

// What a loop written for this alone reaches: no blocks, no fingerprint, no finiteness.
BANYAN_INLINE void PlainAdamLoop(float* __restrict w, float* __restrict g, float* __restrict m, float* __restrict v,
                                 size_t n) {
  for (size_t i = 0; i < n; ++i) {
    const float gradient = 0.1f * g[i];
    m[i] = 0.9f * m[i] + 0.1f * gradient;
    v[i] = 0.999f * v[i] + 0.001f * (gradient * gradient);
    g[i] = w[i] - 1e-3f * m[i] / (std::sqrt(v[i]) * 1.5f + 1e-8f);
  }
}

void PlainAdam(benchmark::State& state) {
  const CpuLevel level = static_cast<CpuLevel>(state.range(0));
  std::vector<float> w(kElements, 1), g(kElements, 2), m(kElements, 0.5f), v(kElements, 0.5f);
  for (auto _ : state) {
    RunAt(level, [&]() __attribute__((always_inline)) {
      PlainAdamLoop(w.data(), g.data(), m.data(), v.data(), kElements);
    });
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * kElements);
  state.SetBytesProcessed(state.iterations() * kElements * 7 * sizeof(float));
  state.SetLabel(std::string(CpuLevelName(level)));
}

void AtLevels(benchmark::internal::Benchmark* benchmark) {
  for (const CpuLevel level : SupportedCpuLevels()) benchmark->Arg(static_cast<int64_t>(level));
}

BENCHMARK(Memcpy);
BENCHMARK(PlainAdam)->Apply(AtLevels);
BENCHMARK_CAPTURE(Update, AdamW, [] { return MakeAdamW({.weight_decay = 0.1}); })->Apply(AtLevels);
BENCHMARK_CAPTURE(Update, Momentum, [] { return MakeMomentum({}); })->Apply(AtLevels);
BENCHMARK_CAPTURE(Update, Sgd, [] { return MakeSgd({}); })->Apply(AtLevels);

}  // namespace
}  // namespace banyan

BENCHMARK_MAIN();
