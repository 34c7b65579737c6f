#include "tests/simulator/scripted_shard.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace banyan::simulator {

ScriptedShard::Sum ScriptedShard::Sum::operator+(const Sum& right) const {
  Sum sum = *this;
  for (size_t i = 0; i < values.size(); ++i) sum.values[i] += right.values[i];
  sum.loss.weight += right.loss.weight;
  sum.loss.loss += right.loss.loss;
  return sum;
}

ScriptedShard::ScriptedShard(Options options, Output output)
    : options_(std::move(options)), output_(std::move(output)), tree_(options_.leaves) {
  for (const auto& [id, weights] : options_.weights) chunks_[id].weights = weights;
  if (options_.evaluation) chunks_[*options_.evaluation];
  for (auto& [id, chunk] : chunks_) StartChunk(chunk, id);
}

void ScriptedShard::StartChunk(Chunk& chunk, ChunkId id) {
  chunk.uses.clear();
  if (id == options_.evaluation) {
    // It stands just before its next due step.
    while (chunk.applied < options_.last && !options_.evaluate(chunk.applied + 1)) ++chunk.applied;
    if (chunk.applied >= options_.last) chunk.applied = options_.last + 1;
    chunk.uses.emplace(0, SumTree<Sum>(tree_));
  }
  for (const worker::Position& position : options_.positions) {
    if (position.chunk == id) chunk.uses.emplace(position.use, SumTree<Sum>(tree_));
  }
}

Step ScriptedShard::done_through() const {
  Step done = ~Step{0};
  for (const auto& [id, chunk] : chunks_) done = std::min(done, chunk.applied);
  return done;
}

bool ScriptedShard::finished() const {
  return done_through() + 1 >= options_.last &&
         (!options_.evaluation || chunks_.at(*options_.evaluation).applied >= options_.last);
}

bool ScriptedShard::Complete(const worker::Position& position) const {
  const Chunk& chunk = chunks_.at(position.chunk);
  return chunk.applied > done_through() || chunk.uses.at(position.use).complete();
}

uint32_t ScriptedShard::WindowEnd() const {
  uint32_t lo = 0;
  while (lo < options_.positions.size() && Complete(options_.positions[lo])) ++lo;
  return std::min<uint32_t>(lo + options_.window, static_cast<uint32_t>(options_.positions.size()));
}

void ScriptedShard::Mark(Weights& weights) const {
  weights.term = options_.term;
  weights.epoch = options_.epoch;
  weights.done_through = done_through();
  weights.window_end = WindowEnd();
}

void ScriptedShard::SendState(uint64_t connection) {
  if (!connections_.contains(connection)) return;
  State state{.term = options_.term,
              .epoch = options_.epoch,
              .done_through = done_through(),
              .window_end = WindowEnd(),
              .chunks = {},
              .map = std::nullopt};
  for (const auto& [id, chunk] : chunks_) {
    for (const auto& [use, tree] : chunk.uses) {
      state.chunks.push_back({.chunk = id, .use = use, .applied = chunk.applied, .covered = tree.covered()});
    }
  }
  output_(connection, std::move(state));
}

void ScriptedShard::OnMessage(uint64_t connection, const ToServer& message) {
  if (std::holds_alternative<Hello>(message)) {
    connections_.insert(connection);
    SendState(connection);
  } else if (const auto* push = std::get_if<Push>(&message)) {
    OnPush(connection, *push);
  } else {
    OnPull(connection, std::get<Pull>(message));
  }
}

void ScriptedShard::OnPull(uint64_t connection, const Pull& pull) {
  const Chunk& chunk = chunks_.at(pull.chunk);
  Weights weights;
  Mark(weights);
  weights.step = pull.step;
  weights.chunk = pull.chunk;
  if (pull.step == chunk.applied) {
    weights.data = Payload::Copy(std::as_bytes(std::span(chunk.weights)));
  } else if (pull.step + 1 == chunk.applied && chunk.previous) {
    weights.data = Payload::Copy(std::as_bytes(std::span(*chunk.previous)));
  } else {
    SendState(connection);
    return;
  }
  output_(connection, std::move(weights));
}

void ScriptedShard::OnPush(uint64_t connection, const Push& push) {
  Chunk& chunk = chunks_.at(push.chunk);
  if (push.term != options_.term || push.step != chunk.applied + 1) {
    // R4: nobody pushes a step before the one before it is done everywhere.
    CHECK_LE(push.step, chunk.applied + 1);
    SendState(connection);
    return;
  }
  const bool evaluation = push.chunk == options_.evaluation;
  if (!evaluation) {
    uint32_t rank = 0;
    while (options_.positions[rank] != worker::Position{push.chunk, push.use}) ++rank;
    CHECK(Complete(options_.positions[rank]) || rank < WindowEnd());
  }
  Sum sum{std::vector<float>(push.data.size() / sizeof(float)), {push.weight, push.loss}};
  push.data.CopyTo(std::as_writable_bytes(std::span(sum.values)));
  CHECK_EQ(sum.values.size(), chunk.weights.size());
  chunk.previous.reset();  // rule R6
  if (chunk.uses.at(push.use).Add(push.node, std::move(sum)) != Cover::Verdict::kStored) {
    SendState(connection);
    return;
  }
  const uint32_t window_end = WindowEnd();
  if (std::all_of(chunk.uses.begin(), chunk.uses.end(), [](const auto& use) { return use.second.complete(); })) {
    Apply(push.chunk, chunk);
  } else {
    Weights mark;
    Mark(mark);
    mark.window_end = window_end;
    for (const uint64_t to : connections_) output_(to, mark);
  }
}

void ScriptedShard::Apply(ChunkId id, Chunk& chunk) {
  std::optional<Sum> root;
  for (const auto& [use, tree] : chunk.uses) {
    Sum sum = *tree.Total();
    const LeafLoss last = sum.loss;
    root = root ? *root + sum : std::move(sum);
    root->loss = last;
  }
  chunk.previous = chunk.weights;
  ++chunk.applied;
  entries_[{chunk.applied, id.value()}] = root->loss;
  const float rate = static_cast<float>(-0.1 / root->loss.weight);
  for (size_t i = 0; i < chunk.weights.size(); ++i) chunk.weights[i] += rate * root->values[i];
  StartChunk(chunk, id);
  Weights weights;
  Mark(weights);
  weights.step = chunk.applied;
  weights.chunk = id;
  weights.data = Payload::Copy(std::as_bytes(std::span(chunk.weights)));
  for (const uint64_t to : connections_) output_(to, weights);
}

}  // namespace banyan::simulator
