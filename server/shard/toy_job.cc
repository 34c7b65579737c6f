#include "server/shard/toy_job.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "common/base/check.h"
#include "common/optimizer/adam.h"
#include "common/reduce/norm.h"
#include "google/protobuf/text_format.h"
#include "proto/job.pb.h"

namespace banyan::server {
namespace {

JobPlan MakePlan(const ToyJob::Options& options) {
  absl::StatusOr<JobPlan> plan = JobPlan::Make(ToyJob::JobOf(options), ToyJob::Data(), ToyJob::kDeviceKind);
  if (!plan.ok()) CHECK_EQ(plan.status().ToString(), "");
  return *std::move(plan);
}

// A number in [-1, 1) of a name.
float Hash(uint64_t a, uint64_t b, uint64_t c) {
  uint64_t h = a * 0x9e3779b97f4a7c15 + b * 0xbf58476d1ce4e5b9 + c * 0x94d049bb133111eb;
  h ^= h >> 31;
  h *= 0xd6e8feb86659fd93;
  h ^= h >> 29;
  return static_cast<float>(static_cast<int32_t>(h >> 32)) * 0x1p-31f;
}

}  // namespace

// 12 KiB of weights: two uses of an embedding of a chunk and a tail, and matrices.
v1::Job ToyJob::JobOf(const Options& options) {
  v1::Job job;
  CHECK(google::protobuf::TextFormat::ParseFromString(R"(
    version: 1
    name: "toy"
    recipe {
      seed: 1
      model { gpt { layers: 1 heads: 2 width: 24 context: 8 dropout: 0 } }
      data { text { path: "data:text" held_out: 0.1 } }
      optimizer { adam { learning_rate: 1e-3 } }
    }
    run { servers { chunk_bytes: 16384 } })", &job));
  job.mutable_recipe()->mutable_batch()->set_samples(options.leaves);
  job.mutable_recipe()->mutable_batch()->set_leaf(1);
  job.mutable_recipe()->mutable_until()->set_steps(options.steps);
  if (options.checkpoints) job.mutable_run()->mutable_checkpoint()->mutable_every()->set_steps(2);
  if (options.evaluate) {
    job.mutable_run()->mutable_evaluate()->mutable_every()->set_steps(2);
    job.mutable_run()->mutable_evaluate()->mutable_samples()->set_all(true);
  }
  return job;
}

DataFacts ToyJob::Data() { return {.hash = "toy", .samples = 1000, .held_out_samples = 100, .vocabulary = 200}; }

ToyJob::ToyJob(const Options& options)
    : options_(options), plan_(MakePlan(options)), rule_(MakeAdam({})), norms_(options.steps + 1) {
  std::vector<State>& initial = states_.emplace_back();
  for (uint32_t id = 0; id < plan_.layout.chunk_count(); ++id) {
    const Chunk& chunk = plan_.layout.chunk(ChunkId(id));
    const auto elements = static_cast<size_t>(chunk.element_count);
    State state{.weights = std::vector<float>(elements)};
    for (const Segment& segment : chunk.segments) {
      for (int64_t i = segment.offset; i < segment.offset + segment.element_count; ++i) {
        state.weights[static_cast<size_t>(i)] = Hash(1, id, static_cast<uint64_t>(i));
      }
    }
    state.slots.assign(rule_->SlotNames().size(), std::vector<float>(elements));
    initial.push_back(std::move(state));
  }
  for (Step step = 1; step <= options.steps; ++step) MakeStep(step);
}

bool ToyJob::ZeroLeaf(Step step, ChunkId chunk, uint32_t use, uint32_t leaf) const {
  return (step * 5 + chunk.value() * 3 + use * 2 + leaf / 2) % 4 == 0;
}

std::vector<float> ToyJob::Gradient(Step step, ChunkId chunk, uint32_t use, Node node) const {
  const std::vector<float>& weights = At(step - 1, chunk).weights;
  using Values = std::vector<float>;
  const auto leaf_gradient = [&](uint32_t leaf) {
    Values values(weights.size(), 0.0f);
    if (ZeroLeaf(step, chunk, use, leaf)) return values;
    for (const Segment& segment : plan_.layout.chunk(chunk).segments) {
      for (int64_t j = segment.offset; j < segment.offset + segment.element_count; ++j) {
        const auto i = static_cast<size_t>(j);
        // Every third element cheaply random: sums that depend on their order, in little time.
        const float noise = i % 3 == 0 ? Hash(step * 64 + leaf, chunk.value() * 2 + use, i) : values[i - i % 3];
        values[i] = noise + 0.01f * weights[i];
      }
    }
    return values;
  };
  const auto join = [](Values left, const Values& right) {
    for (size_t i = 0; i < left.size(); ++i) left[i] += right[i];
    return left;
  };
  return FoldTree<Values>(Tree(plan_.leaves), node, leaf_gradient, join);
}

Push ToyJob::PushOf(Term term, Step step, ChunkId chunk, uint32_t use, Node node) const {
  Push push{.term = term, .step = step, .chunk = chunk, .use = use, .node = node};
  const Tree tree(plan_.leaves);
  const bool weightless = step == options_.weightless_step;
  push.weight = FoldTree<double>(
      tree, node, [&](uint32_t leaf) { return weightless ? 0.0 : 1.0 + leaf % 3; }, std::plus<double>());
  push.loss = FoldTree<double>(
      tree, node, [&](uint32_t leaf) { return weightless ? 0.0 : static_cast<double>(step) / (leaf + 3); },
      std::plus<double>());
  if (chunk == plan_.layout.evaluation_chunk()) return push;
  const LeafRange leaves = tree.Leaves(node);
  push.zero = true;
  for (uint32_t leaf = leaves.begin; leaf < leaves.end; ++leaf) {
    push.zero = push.zero && ZeroLeaf(step, chunk, use, leaf);
  }
  if (!push.zero) push.data = Payload::Copy(std::as_bytes(std::span<const float>(Gradient(step, chunk, use, node))));
  return push;
}

double ToyJob::WeightOf(Step step) const {
  return PushOf(0, step, plan_.layout.evaluation_chunk(), 0, Tree(plan_.leaves).root()).weight;
}

double ToyJob::LossOf(Step step) const {
  return PushOf(0, step, plan_.layout.evaluation_chunk(), 0, Tree(plan_.leaves).root()).loss;
}

void ToyJob::MakeStep(Step step) {
  const CpuLevel level = CpuLevel::kSse2;
  const Tree tree(plan_.leaves);
  std::vector<std::vector<float>> sums;
  for (uint32_t id = 0; id < plan_.layout.chunk_count(); ++id) {
    sums.push_back(Gradient(step, ChunkId(id), 0, tree.root()));
    for (uint32_t use = 1; use < plan_.layout.chunk(ChunkId(id)).uses; ++use) {
      const std::vector<float> further = Gradient(step, ChunkId(id), use, tree.root());
      for (size_t i = 0; i < further.size(); ++i) sums[id][i] += further[i];
    }
  }
  const double weight = WeightOf(step);
  UpdateStep update{.learning_rate = LearningRate(step), .update = step, .skip = weight == 0};
  std::vector<TensorSum> tensors;
  for (uint32_t parameter = 0; parameter < plan_.graph.parameters.size(); ++parameter) {
    std::vector<double> nodes;
    for (const SegmentPlace& place : plan_.layout.SegmentsOf(ParameterId(parameter))) {
      const Segment& segment = plan_.layout.chunk(place.chunk).segments[place.segment];
      const std::span<const float> sum = sums[place.chunk.value()];
      nodes.push_back(SegmentSumOfSquares(level, sum.subspan(static_cast<size_t>(segment.offset),
                                                             static_cast<size_t>(segment.element_count))));
    }
    tensors.push_back({plan_.graph.parameters[parameter].name, JoinNodes(std::move(nodes))});
  }
  if (!update.skip) {
    const StepNorm norm = ComputeStepNorm(JoinTensors(std::move(tensors)), weight, 1, options_.clip_norm);
    update.gradient_factor = norm.gradient_factor;
    if (options_.clip_norm > 0) norms_[step] = norm.norm;
  } else if (options_.clip_norm > 0) {
    norms_[step] = 0;
  }
  std::vector<State> states = states_.back();
  for (uint32_t id = 0; id < states.size(); ++id) {
    const std::vector<float> old = states[id].weights;
    for (const Segment& segment : plan_.layout.chunk(ChunkId(id)).segments) {
      const auto offset = static_cast<size_t>(segment.offset);
      const auto count = static_cast<size_t>(segment.element_count);
      std::vector<float*> slots;
      for (std::vector<float>& slot : states[id].slots) slots.push_back(slot.data() + offset);
      const std::span<float> accumulator = std::span<float>(sums[id]).subspan(offset, count);
      rule_->Apply(level, update,
                   UpdateSegment<float>{.tensor = plan_.graph.parameter(segment.parameter).name,
                                        .first_block = static_cast<uint64_t>(segment.first_element) / kBlockElements,
                                        .weights = std::span<const float>(old).subspan(offset, count),
                                        .accumulator = accumulator,
                                        .slots = slots,
                                        .decay = plan_.decays[segment.parameter.value()]});
      std::ranges::copy(accumulator, states[id].weights.begin() + segment.offset);
    }
  }
  states_.push_back(std::move(states));
}

void ToyJob::Fill(const RestoreWork& work) const {
  for (const RestoreWork::Chunk& chunk : work.chunks) {
    const State& state = At(work.point.step, chunk.chunk);
    std::ranges::copy(state.weights, chunk.weights->values().begin());
    for (size_t slot = 0; slot < chunk.slots.size(); ++slot) {
      std::ranges::copy(state.slots[slot], chunk.slots[slot]->values().begin());
    }
  }
}

ChunkMap ToyJob::Map(uint32_t servers, uint32_t shards, Epoch epoch) const {
  ChunkMap map{.epoch = epoch};
  for (uint32_t server = 0; server < servers; ++server) {
    map.servers.push_back({.id = ServerId(100 + server), .incarnation = Incarnation(1), .shards = shards});
  }
  for (uint32_t chunk = 0; chunk <= plan_.layout.chunk_count(); ++chunk) {
    map.owners.push_back({.primary = chunk / shards % servers});
  }
  return map;
}

Shard::Options ToyJob::ShardOptions(uint32_t server, uint32_t shard, uint64_t pool_bytes) const {
  return {.server = ServerId(100 + server),
          .incarnation = Incarnation(1),
          .shard = shard,
          .plan = &plan_,
          .rule = rule_.get(),
          .learning_rate = LearningRate,
          .clip_norm = options_.clip_norm,
          .level = DetectCpuLevel(),
          .pool_bytes = pool_bytes};
}

std::vector<Node> RandomPartition(const Tree& tree, std::mt19937& random) {
  std::vector<Node> nodes = {tree.root()};
  for (size_t i = 0; i < nodes.size();) {
    if (!tree.IsLeaf(nodes[i]) && random() % 5 < 3) {
      const auto [left, right] = tree.Children(nodes[i]);
      nodes[i] = left;
      nodes.push_back(right);
    } else {
      ++i;
    }
  }
  return nodes;
}

}  // namespace banyan::server
