#include "worker/training/leaf_worker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/data/held_out.h"

namespace banyan::worker {
namespace {

// In memory: indices are int32, reals fp32.
DType TypeOf(const Graph& graph, TensorId tensor) {
  return graph.tensor(tensor).element == ElementKind::kIndex ? DType::kI32 : DType::kF32;
}

}  // namespace

LeafWorker::LeafWorker(const Job& job, LeafReader reader, std::unique_ptr<Lane> lane)
    : job_(job),
      reader_(std::move(reader)),
      input_type_(TypeOf(job.plan->graph, job.plan->graph.input)),
      target_type_(TypeOf(job.plan->graph, job.plan->graph.targets)),
      lane_(std::move(lane)),
      sink_(job.plan->graph, job.plan->layout, *job.layout, *job.reducer) {}

absl::StatusOr<std::unique_ptr<LeafWorker>> LeafWorker::Create(const Job& job, Device& device,
                                                               OperatorFactory& factory) {
  const JobPlan& plan = *job.plan;
  ASSIGN_OR_RETURN(LeafReader reader, LeafReader::Make(plan, *job.data));
  ASSIGN_OR_RETURN(auto lane, Lane::Create(plan.graph, device, factory,
                                           {.micro = static_cast<int64_t>(plan.micro_samples)}));
  std::unique_ptr<LeafWorker> worker(new LeafWorker(job, std::move(reader), std::move(lane)));
  const LeafReader& made = worker->reader_;
  ASSIGN_OR_RETURN(worker->inputs_, device.Allocate(static_cast<int64_t>(made.input_bytes(plan.leaf_samples))));
  ASSIGN_OR_RETURN(worker->targets_, device.Allocate(static_cast<int64_t>(made.target_bytes(plan.leaf_samples))));
  return worker;
}

// A stage that holds the whole model keeps no leaf's activations while it runs another: a forward and its backward are
// one call of the lane, which goes through the leaf's pieces.
absl::Status LeafWorker::Run(std::span<const Action> actions, Step step, LeafRun& run) {
  for (size_t i = 0; i < actions.size(); ++i) {
    switch (actions[i].kind) {
      case ActionKind::kPull:  // the step machine gives leaves out when their weights are in place
        break;
      case ActionKind::kLoad:
        if (run.pass != Pass::kEvaluate) Load(step, actions[i].leaf);
        break;
      case ActionKind::kForward:
        if (i + 1 == actions.size() || actions[i + 1].kind != ActionKind::kBackward ||
            actions[i + 1].leaf != actions[i].leaf) {
          return absl::UnimplementedError(absl::StrCat(Describe(actions[i]), " without its backward next"));
        }
        RETURN_IF_ERROR(Train(step, run));
        ++i;
        break;
      case ActionKind::kEvaluate:
        RETURN_IF_ERROR(Evaluate(step, run));
        break;
      case ActionKind::kPush:
        job_.reducer->Finish(run);
        break;
      case ActionKind::kBackward:
      case ActionKind::kReceive:
      case ActionKind::kSend:
        return absl::UnimplementedError(Describe(actions[i]));
    }
  }
  return absl::OkStatus();
}

std::span<std::byte> LeafWorker::InputBytes(uint64_t samples) const {
  const size_t bytes = reader_.input_bytes(samples);
  return {inputs_.view(DType::kU8, 0, static_cast<int64_t>(bytes)).bytes(), bytes};
}

std::span<std::byte> LeafWorker::TargetBytes(uint64_t samples) const {
  const size_t bytes = reader_.target_bytes(samples);
  return {targets_.view(DType::kU8, 0, static_cast<int64_t>(bytes)).bytes(), bytes};
}

void LeafWorker::Load(Step step, uint32_t leaf) {
  const uint64_t samples = reader_.TrainingSamples(leaf);
  reader_.ReadTraining(step, leaf, InputBytes(samples), TargetBytes(samples));
  loaded_ = static_cast<int64_t>(samples);
}

LeafData LeafWorker::DataOf(Step step, int64_t first_sample, int64_t samples) const {
  const auto view = [&](const Buffer& buffer, DType type, size_t sample_bytes) {
    return buffer.view(type, 0, samples * static_cast<int64_t>(sample_bytes) / SizeOf(type));
  };
  return {.key = {.seed = job_.plan->seed, .step = step},
          .first_sample = first_sample,
          .samples = samples,
          .input = view(inputs_, input_type_, job_.data->input_bytes()),
          .targets = view(targets_, target_type_, job_.data->target_bytes())};
}

absl::Status LeafWorker::Train(Step step, LeafRun& run) {
  sink_.Begin(run);
  const auto first = static_cast<int64_t>(run.leaf * job_.plan->leaf_samples);
  return lane_->Train(DataOf(step, first, loaded_), job_.weights, sink_).status();
}

// A run may be longer than a leaf: piece by piece, summed as a lane sums the pieces of a leaf.
absl::Status LeafWorker::Evaluate(Step step, LeafRun& run) {
  CHECK(job_.plan->evaluation.has_value());
  const SampleRange range = reader_.HeldOutSamples(job_.plan->evaluation->SamplesIn(step), run.leaf);
  run.loss = 0;
  run.weight = 0;
  for (uint64_t begin = range.begin; begin < range.end;) {
    const uint64_t samples = std::min(job_.plan->micro_samples, range.end - begin);
    reader_.ReadHeldOut({begin, begin + samples}, InputBytes(samples), TargetBytes(samples));
    ASSIGN_OR_RETURN(const LeafLoss loss,
                     lane_->Evaluate(DataOf(step, static_cast<int64_t>(begin), static_cast<int64_t>(samples)),
                                     job_.weights));
    run.loss += loss.sum;
    run.weight += loss.weight;
    begin += samples;
  }
  return absl::OkStatus();
}

}  // namespace banyan::worker
