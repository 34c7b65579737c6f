// A worker as banyan-worker is one, that takes steps when it is told to. Driven by exchange.py and cluster_step.py:
//
//   stepped_worker --coordinator=127.0.0.1:PORT --token_file=FILE --root=data=DIR [--name=worker-0] [--threads=1]
//                  [--hollow]
//
// It prints `ready` when the first step's first leaf could begin. From then on each line on stdin is a number of steps;
// the answer, when the leaf after them could begin, is the seconds they took and the allocations of ours on compute
// threads meanwhile. With --hollow the layers compute nothing, so that a step is the exchange alone: gradients that are
// there already are pushed, summed and applied, new weights are sent, checked and put into place.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/match.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/sync.h"
#include "common/file/posix_file_system.h"
#include "common/file/roots.h"
#include "common/logging/logging.h"
#include "common/process/shutdown_watch.h"
#include "common/rpc/token.h"
#include "worker/compute/allocation_counter.h"
#include "worker/device/cpu_device.h"
#include "worker/layers/cpu/cpu_operator_factory.h"
#include "worker/service/worker.h"

ABSL_FLAG(std::string, name, "worker-0", "as banyan-worker's");
ABSL_FLAG(std::string, coordinator, "", "as banyan-worker's");
ABSL_FLAG(std::string, token_file, "", "as banyan-worker's");
ABSL_FLAG(std::vector<std::string>, root, {}, "as banyan-worker's");
ABSL_FLAG(std::string, index, "", "directory for indexes of data");
ABSL_FLAG(int, threads, 1, "as banyan-worker's");
ABSL_FLAG(bool, hollow, false, "layers that compute nothing");

namespace banyan::worker {
namespace {

// Lets steps begin one after another as far as they are allowed. Thread-safe.
class Gate {
 public:
  // Returns when `step` may begin. Called by compute threads.
  void Enter(uint64_t step) {
    CountAllocationsHere(true);
    MutexLock lock(mutex_);
    asked_ = std::max(asked_, step);
    changed_.SignalAll();
    while (step > allowed_) changed_.Wait(mutex_);
  }

  // Returns when the step after `steps` more could begin.
  void Take(uint64_t steps) {
    MutexLock lock(mutex_);
    allowed_ += steps;
    changed_.SignalAll();
    while (asked_ <= allowed_) changed_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  uint64_t allowed_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t asked_ ABSL_GUARDED_BY(mutex_) = 0;
};

// A layer that leaves activations alone and whose gradients are a constant.
class HollowOperator final : public Operator {
 public:
  void Forward(const Piece&, const ForwardCall& call, Stream&) override {
    if (call.loss.present()) std::fill_n(call.loss.as<double>(), 2, 1.0);
  }

  void Backward(const Piece&, const BackwardCall& call, Stream&) override {
    for (const View& gradient : call.parameter_gradients) {
      float* const values = gradient.as<float>();
      // Memory that nobody ever wrote would all be one page of zeros.
      if (values[0] != kValue) std::fill_n(values, gradient.size(), kValue);
    }
  }

 private:
  static constexpr float kValue = 1e-6f;
};

// The first layer of a graph: training leaves wait here for their step.
class GatedOperator final : public Operator {
 public:
  GatedOperator(std::unique_ptr<Operator> inner, Gate& gate) : inner_(std::move(inner)), gate_(gate) {
    needs_ = inner_->needs();
  }

  void Forward(const Piece& piece, const ForwardCall& call, Stream& stream) override {
    if (call.mode == Mode::kTrain) gate_.Enter(piece.key.step);
    inner_->Forward(piece, call, stream);
  }
  void Backward(const Piece& piece, const BackwardCall& call, Stream& stream) override {
    inner_->Backward(piece, call, stream);
  }

 private:
  const std::unique_ptr<Operator> inner_;
  Gate& gate_;
};

class GatedFactory final : public OperatorFactory {
 public:
  GatedFactory(CpuLevel level, bool hollow, Gate& gate) : inner_(level), hollow_(hollow), gate_(gate) {}

  DType real() const override { return inner_.real(); }

  absl::StatusOr<std::unique_ptr<Operator>> Make(const Graph& graph, const Layer& layer, int64_t samples) override {
    std::unique_ptr<Operator> made = std::make_unique<HollowOperator>();
    if (!hollow_) {
      absl::StatusOr<std::unique_ptr<Operator>> real = inner_.Make(graph, layer, samples);
      if (!real.ok()) return real.status();
      made = *std::move(real);
    }
    if (&layer != &graph.layers.front()) return made;
    return std::make_unique<GatedOperator>(std::move(made), gate_);
  }

 private:
  CpuOperatorFactory inner_;
  const bool hollow_;
  Gate& gate_;
};

void Answer(Gate& gate) {
  gate.Take(0);
  std::printf("ready\n");
  std::fflush(stdout);
  uint64_t steps = 0;
  while (std::cin >> steps) {
    const uint64_t before = AllocationsCounted();
    const auto begin = std::chrono::steady_clock::now();
    gate.Take(steps);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    std::printf("%.6f %lu\n", seconds.count(), AllocationsCounted() - before);
    std::fflush(stdout);
  }
  std::_Exit(0);
}

void Run() {
  log::SetUp({.process = absl::GetFlag(FLAGS_name)});
  ShutdownWatch watch({});
  SystemClock clock;
  PosixFileSystem files;
  const Roots roots = *Roots::Parse(files, absl::GetFlag(FLAGS_root));
  const std::unique_ptr<CpuDevice> device = *CpuDevice::Create();
  Gate gate;
  GatedFactory factory(device->level(), absl::GetFlag(FLAGS_hollow), gate);
  std::random_device random;
  Worker worker({.name = absl::GetFlag(FLAGS_name),
                 .coordinator = absl::GetFlag(FLAGS_coordinator),
                 .token = *ReadToken(absl::GetFlag(FLAGS_token_file)),
                 .index_directory = absl::GetFlag(FLAGS_index),
                 .incarnation = Incarnation(random()),
                 .threads = static_cast<uint32_t>(absl::GetFlag(FLAGS_threads)),
                 .level = device->level()},
                {.device = device.get(),
                 .factory = &factory,
                 .files = &files,
                 .roots = &roots,
                 .clock = &clock,
                 .watch = &watch});
  const std::jthread answering([&gate] { Answer(gate); });
  worker.Run();
  // Told to go, or the job failed; its steps never end.
  std::_Exit(1);
}

}  // namespace
}  // namespace banyan::worker

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  banyan::worker::Run();
  return 0;
}
