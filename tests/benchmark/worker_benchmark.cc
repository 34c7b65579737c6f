// One process that does a worker's step and the server's update: forward and backward of every leaf, the canonical
// tree, AdamW. Leaves run side by side, a thread each. Driven by worker_torch.py, which runs PyTorch beside it:
//
//   worker_benchmark --case=a --threads=2 [--leaf=16] [--micro=4]
//
// Each line on stdin is a number of steps; the answer is the seconds they took, the peak memory in bytes and the loss.
#include <sys/resource.h>

#include <barrier>
#include <bit>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "common/base/check.h"
#include "common/model/build.h"
#include "common/model/initialize.h"
#include "common/optimizer/adam.h"
#include "common/random/random.h"
#include "common/reduce/join.h"
#include "proto/job.pb.h"
#include "worker/compute/lane.h"
#include "worker/device/cpu_device.h"
#include "worker/layers/cpu/cpu_operator_factory.h"

ABSL_FLAG(std::string, case, "a", "a: 4 layers, width 128; b: 6 layers, width 384; quickstart: configs/gpt_kjv.yaml");
ABSL_FLAG(int, threads, 1, "leaves side by side");
ABSL_FLAG(int64_t, leaf, 0, "samples a leaf; 0: the case's own");
ABSL_FLAG(int64_t, micro, 0, "samples a piece; 0: the case's own");
ABSL_FLAG(double, dropout, 0, "rate");

namespace banyan::worker {
namespace {

struct Case {
  uint32_t layers, heads, width, context;
  int64_t batch, leaf, micro;
};

// Few leaves, cut into small pieces: a partial is as large as the model.
const std::map<std::string, Case> kCases = {
    {"a", {4, 4, 128, 128, 64, 16, 4}},
    {"b", {6, 6, 384, 256, 16, 8, 2}},
    {"quickstart", {2, 4, 128, 64, 16, 4, 4}},
};

Graph MakeGraph(const Case& c) {
  v1::Model model;
  v1::Gpt& gpt = *model.mutable_gpt();
  gpt.set_layers(c.layers);
  gpt.set_heads(c.heads);
  gpt.set_width(c.width);
  gpt.set_context(c.context);
  gpt.set_dropout(absl::GetFlag(FLAGS_dropout));
  return BuildGraph(model, {.vocabulary = 256}).value();
}

// A partial: the gradient of every use, in one run of memory.
class Partial final : public GradientSink {
 public:
  explicit Partial(const Graph& graph) {
    size_t size = 0;
    for (const Parameter& parameter : graph.parameters) {
      for (uint32_t use = 0; use < parameter.uses; ++use) {
        places_.push_back({size, static_cast<size_t>(ElementsOf(parameter.shape))});
        size += places_.back().second;
      }
      first_.push_back(places_.size() - parameter.uses);
    }
    values_.resize(size);
  }

  View Accumulator(ParameterUse use) override {
    const std::span<float> run = Use(use.parameter.value(), use.use);
    return ViewOf(run.data(), std::ssize(run));
  }
  void Complete(ParameterUse, const Event&) override {}

  std::span<float> Use(size_t parameter, uint32_t use) {
    const auto& [offset, size] = places_[first_[parameter] + use];
    return std::span(values_).subspan(offset, size);
  }
  std::span<float> values() { return values_; }

 private:
  std::vector<std::pair<size_t, size_t>> places_;
  std::vector<size_t> first_;
  std::vector<float> values_;
};

class Trainer {
 public:
  Trainer(const Case& c, int threads)
      : case_(c), graph_(MakeGraph(c)), device_(CpuDevice::Create().value()), factory_(device_->level()),
        rule_(MakeAdamW({.beta1 = 0.9, .beta2 = 0.95, .weight_decay = 0.1})), threads_(threads),
        phases_(threads + 1) {
    for (const Parameter& parameter : graph_.parameters) {
      weights_.emplace_back(ElementsOf(parameter.shape));
      Initialize(1, parameter, 0, std::span<float>(weights_.back()));
      for (auto& slot : slots_) slot.emplace_back(weights_.back().size(), 0.0f);
      views_.push_back(ViewOf(std::as_const(weights_.back()).data(), std::ssize(weights_.back())));
    }
    const int64_t leaves = (c.batch + c.leaf - 1) / c.leaf;
    losses_.resize(leaves);
    partials_.resize(leaves);
    const RandomKey key = MakeRandomKey(1, RandomPurpose::kSynthesize, 0, 1);
    for (int64_t i = 0; i < c.batch * c.context * 2; ++i) tokens_.push_back(static_cast<int32_t>(Uint32(key, i) % 256));
    for (int i = 0; i < threads; ++i) workers_.emplace_back([this, i] { Work(i); });
  }

  ~Trainer() {
    stop_ = true;
    phases_.arrive_and_wait();
  }

  double Step() {
    ++step_;
    phases_.arrive_and_wait();
    phases_.arrive_and_wait();  // leaves are done
    phases_.arrive_and_wait();  // weights are updated
    LeafLoss total;
    for (const LeafLoss& loss : losses_) total = {total.sum + loss.sum, total.weight + loss.weight};
    return total.sum / total.weight;
  }

 private:
  void Work(int index) {
    device_->EnterComputeThread();
    const auto lane = Lane::Create(graph_, *device_, factory_, {.micro = case_.micro}).value();
    const auto leaves = std::ssize(losses_);
    while (true) {
      phases_.arrive_and_wait();
      if (stop_) return;
      const int64_t end = (index + 1) * leaves / threads_;
      for (int64_t leaf = index * leaves / threads_; leaf < end; ++leaf) RunLeaf(*lane, leaf);
      phases_.arrive_and_wait();
      if (index == 0) JoinAll();
      join_.arrive_and_wait();
      Update(index);
      phases_.arrive_and_wait();
    }
  }

  void RunLeaf(Lane& lane, int64_t leaf) {
    const int64_t first = leaf * case_.leaf;
    const int64_t samples = std::min(case_.leaf, case_.batch - first);
    auto& partial = partials_[leaf];
    if (partial == nullptr) partial = std::make_unique<Partial>(graph_);
    const int64_t size = samples * case_.context;
    const int32_t* input = tokens_.data() + first * case_.context;
    const int32_t* targets = input + case_.batch * case_.context;
    losses_[leaf] = lane.Train({.key = {.seed = 1, .step = step_}, .first_sample = first, .samples = samples,
                                .input = ViewOf(input, size), .targets = ViewOf(targets, size)},
                               views_, *partial)
                        .value();
  }

  void JoinAll() {
    for (size_t span = 1; span < losses_.size(); span *= 2) {
      for (size_t left = 0; left + span < losses_.size(); left += 2 * span) {
        Join(device_->level(), partials_[left]->values(), partials_[left + span]->values());
      }
    }
  }

  void Update(int index) {
    double weight = 0;
    for (const LeafLoss& loss : losses_) weight += loss.weight;
    const UpdateStep step = {.learning_rate = 1e-3, .gradient_factor = 1 / weight, .update = step_};
    for (size_t p = static_cast<size_t>(index); p < weights_.size(); p += static_cast<size_t>(threads_)) {
      const std::span<float> sum = partials_[0]->Use(p, 0);
      if (graph_.parameters[p].uses == 2) Join(device_->level(), sum, partials_[0]->Use(p, 1));
      float* const slots[] = {slots_[0][p].data(), slots_[1][p].data()};
      const UpdateResult result = rule_->Apply(device_->level(), step,
                                               UpdateSegment<float>{.tensor = graph_.parameters[p].name,
                                                                    .weights = weights_[p],
                                                                    .accumulator = sum,
                                                                    .slots = slots});
      CHECK(result.finite);
      std::copy(sum.begin(), sum.end(), weights_[p].begin());
    }
  }

  const Case case_;
  const Graph graph_;
  const std::unique_ptr<CpuDevice> device_;
  CpuOperatorFactory factory_;
  const std::unique_ptr<const UpdateRule> rule_;
  const int threads_;
  std::vector<std::vector<float>> weights_;
  std::vector<std::vector<float>> slots_[2];
  std::vector<ConstView> views_;
  std::vector<int32_t> tokens_;
  std::vector<std::unique_ptr<Partial>> partials_;  // by leaf
  std::vector<LeafLoss> losses_;
  uint64_t step_ = 0;
  bool stop_ = false;
  std::barrier<> phases_;
  std::barrier<> join_{threads_};
  std::vector<std::jthread> workers_;
};

void Serve(const Case& c, int threads) {
  Trainer trainer(c, threads);
  int steps = 0;
  while (std::cin >> steps) {
    const auto begin = std::chrono::steady_clock::now();
    double loss = 0;
    for (int i = 0; i < steps; ++i) loss = trainer.Step();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    rusage usage = {};
    getrusage(RUSAGE_SELF, &usage);
    std::printf("%.6f %ld %.6f\n", seconds.count(), usage.ru_maxrss * 1024, loss);
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace banyan::worker

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  auto c = banyan::worker::kCases.at(absl::GetFlag(FLAGS_case));
  if (absl::GetFlag(FLAGS_leaf) > 0) c.leaf = absl::GetFlag(FLAGS_leaf);
  if (absl::GetFlag(FLAGS_micro) > 0) c.micro = absl::GetFlag(FLAGS_micro);
  banyan::worker::Serve(c, absl::GetFlag(FLAGS_threads));
  return 0;
}
