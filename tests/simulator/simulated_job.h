#ifndef BANYAN_TESTS_SIMULATOR_SIMULATED_JOB_H_
#define BANYAN_TESTS_SIMULATOR_SIMULATED_JOB_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "common/checkpoint/layout.h"
#include "proto/job.pb.h"
#include "server/shard/toy_job.h"
#include "worker/training/set_layout.h"

namespace banyan::simulator {

// A toy job and all that follows from it, made once for many runs. Thread-compatible.
class SimulatedJob {
 public:
  explicit SimulatedJob(const server::ToyJob::Options& options);

  // What a fork's processes work at while it replays the job's steps: the same values, without evaluations and
  // checkpoints on the way.
  const SimulatedJob& replay() const;

  const server::ToyJob& toy() const { return toy_; }
  const JobPlan& plan() const { return toy_.plan(); }
  const v1::Job& file() const { return file_; }
  const worker::SetLayout& layout() const { return layout_; }
  const CheckpointLayout& checkpoint() const { return checkpoint_; }
  const std::vector<std::string>& slots() const { return slots_; }
  double clip_norm() const { return toy_.clip_norm(); }

  // A leaf's push, of the evaluation chunk too.
  const Push& LeafPush(Step step, ChunkId chunk, uint32_t use, uint32_t leaf) const;
  // Of the chunk's weights @step, as Payload::Checksum has it.
  uint64_t WeightsChecksum(Step step, ChunkId chunk) const;

 private:
  const server::ToyJob::Options options_;
  const server::ToyJob toy_;
  const v1::Job file_;
  const worker::SetLayout layout_;
  const std::vector<std::string> slots_;
  const CheckpointLayout checkpoint_;
  mutable std::map<std::tuple<Step, ChunkId, uint32_t, uint32_t>, Push> pushes_;
  mutable std::map<std::pair<Step, ChunkId>, uint64_t> checksums_;
  mutable std::unique_ptr<const SimulatedJob> replay_;  // made when it is wanted
};

}  // namespace banyan::simulator

#endif  // BANYAN_TESTS_SIMULATOR_SIMULATED_JOB_H_
