#include "worker/training/executor.h"

#include <algorithm>
#include <span>
#include <utility>

#include "common/base/check.h"
#include "common/base/status.h"
#include "common/data/held_out.h"

namespace banyan::worker {
namespace {

// Writes a leaf's gradients into its set and hands positions on as backward completes them.
class ReducerSink final : public GradientSink {
 public:
  ReducerSink(const JobLayout& layout, GradientReducer& reducer, LeafRun& run)
      : layout_(layout), reducer_(reducer), run_(run) {}

  void Loss(std::span<const std::array<double, 2>> pieces, const Event& done) override {
    done.Wait();
    for (const auto& [loss, weight] : pieces) {
      run_.loss += loss;
      run_.weight += weight;
    }
  }
  View Accumulator(ParameterUse use) override {
    const JobLayout::Run run = layout_.RunOf(use);
    return ViewOf(run_.set->floats().data() + run.offset, static_cast<int64_t>(run.size));
  }
  void Complete(ParameterUse use, const Event& done) override {
    done.Wait();
    for (const uint32_t position : layout_.CompletedBy(use)) reducer_.Deliver(run_, position);
  }

 private:
  const JobLayout& layout_;
  GradientReducer& reducer_;
  LeafRun& run_;
};

}  // namespace

Executor::Executor(const Options& options, std::function<void(const Done&)> on_done)
    : options_(options),
      on_done_(std::move(on_done)),
      order_({.seed = options.plan->seed,
              .samples = options.plan->training_samples,
              .batch = options.plan->batch_samples,
              .leaf = options.plan->leaf_samples}) {}

absl::StatusOr<std::unique_ptr<Executor>> Executor::Create(const Options& options,
                                                           std::function<void(const Done&)> on_done) {
  std::unique_ptr<Executor> executor(new Executor(options, std::move(on_done)));
  const JobPlan& plan = *options.plan;
  uint64_t samples = plan.leaf_samples;
  if (plan.evaluation) {
    const uint64_t most = std::max(plan.evaluation->samples, plan.evaluation->samples_at_end);
    samples = std::max(samples, (most + plan.leaves - 1) / plan.leaves);
  }
  for (uint32_t i = 0; i < options.lanes; ++i) {
    auto worker = std::make_unique<Worker>();
    ASSIGN_OR_RETURN(worker->lane, Lane::Create(plan.graph, *options.device, *options.factory,
                                                {.micro = static_cast<int64_t>(plan.micro_samples)}));
    worker->input.resize(samples * options.data->input_bytes());
    worker->targets.resize(samples * options.data->target_bytes());
    executor->workers_.push_back(std::move(worker));
  }
  for (size_t i = 0; i < options.lanes; ++i) {
    executor->threads_.emplace_back([raw = executor.get(), i] { raw->Loop(i); });
  }
  return executor;
}

Executor::~Executor() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.SignalAll();
  threads_.clear();
}

uint32_t Executor::idle() const {
  MutexLock lock(mutex_);
  uint32_t idle = 0;
  for (const auto& worker : workers_) idle += worker->busy ? 0 : 1;
  return idle;
}

bool Executor::Start(const ComputeLeaf& leaf) {
  {
    MutexLock lock(mutex_);
    const auto worker =
        std::find_if(workers_.begin(), workers_.end(), [](const auto& candidate) { return !candidate->busy; });
    CHECK(worker != workers_.end());
    if (!options_.reducer->Start(leaf.leaf, leaf.pass, (*worker)->run)) return false;
    (*worker)->leaf = leaf;
    // Here and not on the compute thread, which allocates nothing.
    if (leaf.pass == Pass::kTrain) (*worker)->samples = order_.LeafSamples(leaf.step, leaf.leaf);
    (*worker)->busy = true;
  }
  changed_.SignalAll();
  return true;
}

void Executor::Loop(size_t index) {
  options_.device->EnterComputeThread();
  Worker& worker = *workers_[index];
  while (true) {
    {
      MutexLock lock(mutex_);
      while (!worker.busy && !stopping_) changed_.Wait(mutex_);
      if (!worker.busy) return;
    }
    const absl::Duration start = options_.clock->Monotonic();
    Done done{.leaf = worker.leaf, .seconds = 0, .status = Compute(worker)};
    done.seconds = absl::ToDoubleSeconds(options_.clock->Monotonic() - start);
    {
      MutexLock lock(mutex_);
      worker.busy = false;
    }
    on_done_(done);
  }
}

absl::Status Executor::Compute(Worker& worker) {
  const absl::Status status = worker.leaf.pass == Pass::kTrain ? Train(worker) : Evaluate(worker);
  if (status.ok()) {
    options_.reducer->Finish(worker.run);
  } else {
    options_.reducer->Abandon(worker.run);
  }
  return status;
}

LeafData Executor::Load(Worker& worker, uint64_t samples) const {
  const Graph& graph = options_.plan->graph;
  const auto view = [&](std::vector<std::byte>& bytes, size_t sample_bytes, TensorId id) {
    const DType dtype = graph.tensor(id).element == ElementKind::kIndex ? DType::kI32 : DType::kF32;
    return ConstView(bytes.data(), dtype, static_cast<int64_t>(samples * sample_bytes) / SizeOf(dtype));
  };
  LeafData data;
  data.samples = static_cast<int64_t>(samples);
  data.input = view(worker.input, options_.data->input_bytes(), graph.input);
  data.targets = view(worker.targets, options_.data->target_bytes(), graph.targets);
  return data;
}

absl::Status Executor::Train(Worker& worker) {
  const JobPlan& plan = *options_.plan;
  const size_t input_bytes = options_.data->input_bytes();
  const size_t target_bytes = options_.data->target_bytes();
  for (size_t i = 0; i < worker.samples.size(); ++i) {
    options_.data->Read(DataPart::kTraining, worker.samples[i],
                        std::span(worker.input).subspan(i * input_bytes, input_bytes),
                        std::span(worker.targets).subspan(i * target_bytes, target_bytes));
  }
  LeafData data = Load(worker, worker.samples.size());
  data.key = {.seed = plan.seed, .step = worker.leaf.step};
  data.first_sample = static_cast<int64_t>(worker.leaf.leaf * plan.leaf_samples);
  ReducerSink sink(*options_.layout, *options_.reducer, worker.run);
  return worker.lane->Train(data, options_.weights->weights(), sink).status();
}

absl::Status Executor::Evaluate(Worker& worker) {
  const JobPlan& plan = *options_.plan;
  const size_t input_bytes = options_.data->input_bytes();
  const size_t target_bytes = options_.data->target_bytes();
  const SampleRange range =
      EvaluationRun(plan.evaluation->SamplesIn(worker.leaf.step), plan.leaves, worker.leaf.leaf);
  if (range.size() == 0) return absl::OkStatus();
  for (uint64_t i = 0; i < range.size(); ++i) {
    options_.data->Read(DataPart::kHeldOut, range.begin + i,
                        std::span(worker.input).subspan(i * input_bytes, input_bytes),
                        std::span(worker.targets).subspan(i * target_bytes, target_bytes));
  }
  LeafData data = Load(worker, range.size());
  data.key = {.seed = plan.seed, .step = worker.leaf.step};
  ASSIGN_OR_RETURN(const LeafLoss loss, worker.lane->Evaluate(data, options_.weights->weights()));
  worker.run.loss = loss.sum;
  worker.run.weight = loss.weight;
  return absl::OkStatus();
}

}  // namespace banyan::worker
