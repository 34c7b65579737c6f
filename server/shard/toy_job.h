#ifndef BANYAN_SERVER_SHARD_TOY_JOB_H_
#define BANYAN_SERVER_SHARD_TOY_JOB_H_

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include "common/data/data_facts.h"
#include "common/job/job_plan.h"
#include "common/optimizer/update_rule.h"
#include "common/protocol/messages.h"
#include "common/tree/tree.h"
#include "server/shard/shard.h"
#include "server/shard/shard_output.h"

namespace banyan::v1 {
class Job;
}  // namespace banyan::v1

namespace banyan::server {

// For tests: a small job with several chunks, two of them used twice, whose gradients are a function of their names and
// of the weights, and all its values, worked out with the canonical tree and nothing of a shard. Immutable.
class ToyJob {
 public:
  struct Options {
    uint32_t leaves = 8;
    Step steps = 3;
    double clip_norm = 0;
    bool evaluate = false;
    bool checkpoints = true;  // every other step
    Step weightless_step = 0;  // a step whose leaves all weigh 0
  };

  explicit ToyJob(const Options& options);

  // The job as a person would submit it, and what indexing its data finds; both make plan().
  static v1::Job JobOf(const Options& options);
  static DataFacts Data();
  static constexpr char kDeviceKind[] = "cpu";

  const JobPlan& plan() const { return plan_; }
  const UpdateRule& rule() const { return *rule_; }
  double clip_norm() const { return options_.clip_norm; }
  static double LearningRate(Step step) { return 0.01 + 0.001 * static_cast<double>(step); }

  // Of weights @step and slots @step.
  struct State {
    std::vector<float> weights;
    std::vector<std::vector<float>> slots;
  };
  const State& At(Step step, ChunkId chunk) const { return states_[step][chunk.value()]; }

  // The push of a node; of the evaluation chunk too.
  Push PushOf(Term term, Step step, ChunkId chunk, uint32_t use, Node node) const;
  // The entry that (step, chunk) must make, but for fingerprint, parts and term.
  double WeightOf(Step step) const;
  double LossOf(Step step) const;
  std::optional<double> NormOf(Step step) const { return norms_[step]; }

  // Does the work of a restore.
  void Fill(const RestoreWork& work) const;

  // A map that deals the chunks to `servers`, ids 100, 101, ..., incarnations 1, each with `shards`.
  ChunkMap Map(uint32_t servers, uint32_t shards, Epoch epoch = 1) const;
  // What a shard of that map is made of.
  Shard::Options ShardOptions(uint32_t server, uint32_t shard, uint64_t pool_bytes) const;

 private:
  bool ZeroLeaf(Step step, ChunkId chunk, uint32_t use, uint32_t leaf) const;
  std::vector<float> Gradient(Step step, ChunkId chunk, uint32_t use, Node node) const;
  void MakeStep(Step step);

  const Options options_;
  const JobPlan plan_;
  std::unique_ptr<const UpdateRule> rule_;
  std::vector<std::vector<State>> states_;  // [step][chunk]
  std::vector<std::optional<double>> norms_;
};

// Nodes that partition the tree's root, by chance.
std::vector<Node> RandomPartition(const Tree& tree, std::mt19937& random);

}  // namespace banyan::server

#endif  // BANYAN_SERVER_SHARD_TOY_JOB_H_
