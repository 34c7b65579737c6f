#ifndef BANYAN_TESTS_SIMULATOR_SCRIPTED_SHARD_H_
#define BANYAN_TESTS_SIMULATOR_SCRIPTED_SHARD_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "common/protocol/messages.h"
#include "common/tree/sum_tree.h"
#include "tests/simulator/toy_model.h"

namespace banyan::simulator {

// The protocol's server without replicas and gate, in its plainest form: what a worker's machine is tested against.
class ScriptedShard {
 public:
  struct Options {
    Term term = 1;
    Epoch epoch = 1;
    uint32_t leaves = 1;
    std::vector<worker::Position> positions;  // of this shard's chunks, in window order
    std::map<ChunkId, std::vector<float>> weights;
    std::optional<ChunkId> evaluation;
    std::function<bool(Step)> evaluate;
    Step last = 0;          // last step with work in it
    uint32_t window = 1;    // positions that may be pushed
  };
  using Output = std::function<void(uint64_t connection, ToWorker message)>;

  ScriptedShard(Options options, Output output);

  void OnMessage(uint64_t connection, const ToServer& message);
  void OnClosed(uint64_t connection) { connections_.erase(connection); }

  Step done_through() const;
  // Every step, the last evaluation too.
  bool finished() const;
  const std::vector<float>& weights(ChunkId chunk) const { return chunks_.at(chunk).weights; }
  // Weight and loss of a chunk's root, by step.
  const std::map<std::pair<Step, uint32_t>, LeafLoss>& entries() const { return entries_; }

 private:
  struct Sum {
    std::vector<float> values;
    LeafLoss loss;
    Sum operator+(const Sum& right) const;
  };
  struct Chunk {
    Step applied = 0;
    std::vector<float> weights;
    std::optional<std::vector<float>> previous;
    std::map<uint32_t, SumTree<Sum>> uses;
  };

  void OnPush(uint64_t connection, const Push& push);
  void OnPull(uint64_t connection, const Pull& pull);
  void SendState(uint64_t connection);
  void Apply(ChunkId id, Chunk& chunk);
  void StartChunk(Chunk& chunk, ChunkId id);
  void Mark(Weights& weights) const;
  uint32_t WindowEnd() const;
  bool Complete(const worker::Position& position) const;

  const Options options_;
  const Output output_;
  const Tree tree_;
  std::map<ChunkId, Chunk> chunks_;
  std::set<uint64_t> connections_;
  std::map<std::pair<Step, uint32_t>, LeafLoss> entries_;
};

}  // namespace banyan::simulator

#endif  // BANYAN_TESTS_SIMULATOR_SCRIPTED_SHARD_H_
