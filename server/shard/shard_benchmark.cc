// Bytes a second through OnPush and the update, beside a plain loop that adds the same bytes: one shard, one thread.

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "benchmark/benchmark.h"
#include "common/base/check.h"
#include "common/optimizer/adam.h"
#include "common/optimizer/sgd.h"
#include "common/reduce/join.h"
#include "google/protobuf/text_format.h"
#include "proto/job.pb.h"
#include "server/shard/shard.h"

namespace banyan::server {
namespace {

constexpr uint32_t kLeaves = 4;
constexpr StreamId kStream{1};

JobPlan MakePlan() {
  v1::Job job;
  CHECK(google::protobuf::TextFormat::ParseFromString(R"(
    recipe {
      seed: 1
      model { gpt { layers: 6 heads: 6 width: 384 context: 256 dropout: 0 } }
      batch { samples: 4 leaf: 1 }
      until { steps: 1000000 }
      optimizer { sgd { learning_rate: 1e-3 } }
    }
    run { servers { chunk_bytes: 1048576 } })", &job));
  absl::StatusOr<JobPlan> plan = JobPlan::Make(job, {.samples = 1000, .vocabulary = 256}, "cpu");
  CHECK(plan.ok());
  return *std::move(plan);
}

class NullOutput final : public ShardOutput {
 public:
  void Send(StreamId, ToWorker) override {}
  void Close(StreamId, const absl::Status& why) override { CHECK_EQ(why.ToString(), ""); }
  void Restore(RestoreWork work) override {
    for (const RestoreWork::Chunk& chunk : work.chunks) {
      std::ranges::fill(chunk.weights->values(), 0.5f);
      for (const BufferRef& slot : chunk.slots) std::ranges::fill(slot->values(), 0.0f);
    }
  }
  void Committed(Term, Step, ChunkId, std::vector<SegmentSum>, double, double) override {}
  void WriteCheckpoint(CheckpointWork) override {}
};

void PushAndApply(benchmark::State& state, std::unique_ptr<const UpdateRule> rule, uint32_t level) {
  const JobPlan plan = MakePlan();
  NullOutput output;
  Shard shard({.server = ServerId(1), .incarnation = Incarnation(1), .plan = &plan, .rule = rule.get(),
               .learning_rate = [](Step) { return 1e-3; }, .level = DetectCpuLevel()},
              output);
  ChunkMap map{.epoch = 1, .servers = {{.id = ServerId(1), .incarnation = Incarnation(1)}}};
  map.owners.resize(plan.layout.chunk_count() + 1);
  shard.OnOrder({.coordinator_term = 1, .term = 1, .restore = RestorePoint{}, .map = map,
                 .assignment = Assignment{.max_pending = 2}});
  shard.OnRestored(1, absl::OkStatus());
  shard.OnHello(kStream, {.term = 1, .worker = WorkerId(1)});
  std::vector<float> gradient(1 << 20, 1e-3f);
  Step step = 0;
  int64_t bytes = 0;
  for (auto _ : state) {
    ++step;
    for (uint32_t index = 0; index < kLeaves >> level; ++index) {
      for (const ChunkUse& place : plan.layout.positions()) {
        const auto elements = static_cast<size_t>(plan.layout.chunk(place.chunk).element_count);
        Push push{.term = 1, .step = step, .chunk = place.chunk, .use = place.use, .node = {level, index}, .weight = 1};
        push.data = Payload::Borrow(std::as_bytes(std::span<const float>(gradient).first(elements)));
        shard.OnPush(kStream, push);
        bytes += static_cast<int64_t>(push.data.size());
      }
    }
  }
  CHECK_EQ(shard.done_through(), step);
  state.SetBytesProcessed(bytes);
}

void OnePartialSgd(benchmark::State& state) { PushAndApply(state, MakeSgd({}), 2); }
void TwoPartialsSgd(benchmark::State& state) { PushAndApply(state, MakeSgd({}), 1); }
void TwoPartialsAdam(benchmark::State& state) { PushAndApply(state, MakeAdam({}), 1); }

void BareAdd(benchmark::State& state) {
  const size_t elements = 10 << 20;
  std::vector<float> sum(elements, 0.5f);
  const std::vector<float> part(1 << 18, 1e-3f);
  for (auto _ : state) {
    for (size_t at = 0; at < elements; at += part.size()) {
      Join(DetectCpuLevel(), std::span<float>(sum).subspan(at, part.size()), part);
    }
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * elements * sizeof(float)));
}

BENCHMARK(BareAdd);
BENCHMARK(OnePartialSgd);
BENCHMARK(TwoPartialsSgd);
BENCHMARK(TwoPartialsAdam);

}  // namespace
}  // namespace banyan::server

BENCHMARK_MAIN();
