// Updates against memory: parameters a second, and the bytes that a pass over weights, accumulator and slots moves, in
// the same run as memcpy and as Adam's bare loop. Memory lies as on a server: a chunk of 1 MiB an allocation.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "common/cpu/run_at.h"
#include "common/optimizer/adam.h"
#include "common/optimizer/momentum.h"
#include "common/optimizer/sgd.h"

namespace banyan {
namespace {

constexpr size_t kChunk = 1 << 18;
constexpr size_t kChunks = 128;

struct Free {
  void operator()(float* data) const { ::operator delete(data, std::align_val_t{64}); }
};
using Buffer = std::unique_ptr<float[], Free>;

Buffer MakeBuffer(float value) {
  Buffer buffer(static_cast<float*>(::operator new(kChunk * sizeof(float), std::align_val_t{64})));
  std::fill_n(buffer.get(), kChunk, value);
  return buffer;
}

// Weights, accumulator and slots of a chunk.
using Chunk = std::vector<Buffer>;

std::vector<Chunk> MakeChunks(size_t buffers) {
  std::vector<Chunk> chunks(kChunks);
  for (Chunk& chunk : chunks) {
    for (size_t i = 0; i < buffers; ++i) chunk.push_back(MakeBuffer(0.5f + 0.25f * static_cast<float>(i)));
  }
  return chunks;
}

void Report(benchmark::State& state, size_t passes_over_memory) {
  state.SetItemsProcessed(state.iterations() * kChunks * kChunk);
  state.SetBytesProcessed(state.iterations() * kChunks * kChunk * passes_over_memory * sizeof(float));
}

void Memcpy(benchmark::State& state) {
  const std::vector<Chunk> chunks = MakeChunks(2);
  for (auto _ : state) {
    for (const Chunk& chunk : chunks) std::memcpy(chunk[0].get(), chunk[1].get(), kChunk * sizeof(float));
    benchmark::ClobberMemory();
  }
  Report(state, 2);
}

void Update(benchmark::State& state, std::unique_ptr<const UpdateRule> (*make)()) {
  const auto rule = make();
  const CpuLevel level = static_cast<CpuLevel>(state.range(0));
  const size_t slots = rule->SlotNames().size();
  const std::vector<Chunk> chunks = MakeChunks(2 + slots);
  UpdateStep step{.learning_rate = 1e-3, .gradient_factor = 0.1};
  for (auto _ : state) {
    for (const Chunk& chunk : chunks) {
      float* slot_data[2] = {};
      for (size_t slot = 0; slot < slots; ++slot) slot_data[slot] = chunk[2 + slot].get();
      const UpdateSegment<float> segment{
          .tensor = "h.0.mlp.c_fc.weight",
          .weights = std::span<const float>(chunk[0].get(), kChunk),
          .accumulator = std::span<float>(chunk[1].get(), kChunk),
          .slots = std::span<float* const>(slot_data, slots),
      };
      benchmark::DoNotOptimize(rule->Apply(level, step, segment));
    }
    ++step.update;
  }
  // Weights are read, accumulator and slots read and written.
  Report(state, 3 + 2 * slots);
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
  const std::vector<Chunk> chunks = MakeChunks(4);
  for (auto _ : state) {
    for (const Chunk& chunk : chunks) {
      RunAt(level, [&]() __attribute__((always_inline)) {
        PlainAdamLoop(chunk[0].get(), chunk[1].get(), chunk[2].get(), chunk[3].get(), kChunk);
      });
    }
    benchmark::ClobberMemory();
  }
  Report(state, 7);
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
