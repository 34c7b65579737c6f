#include "worker/training/executor.h"

#include <map>
#include <memory>
#include <vector>

#include "common/base/check.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "proto/job.pb.h"
#include "worker/data/synthetic_regression.h"
#include "worker/device/cpu_device.h"
#include "worker/layers/cpu/cpu_operator_factory.h"

namespace banyan::worker {
namespace {

constexpr uint32_t kLeaves = 5;

JobPlan MakePlan(const DataFacts& facts) {
  v1::Job job;
  CHECK(google::protobuf::TextFormat::ParseFromString(R"(
    recipe {
      seed: 1
      model { linear { outputs: 2 bias: true } }
      batch { samples: 18 leaf: 4 }
      until { steps: 3 }
      optimizer { sgd { learning_rate: 0.1 } }
    }
    run { servers { chunk_bytes: 16384 } evaluate { samples { count: 7 } at_end { count: 7 } } })", &job));
  absl::StatusOr<JobPlan> plan = JobPlan::Make(job, facts, "cpu");
  if (!plan.ok()) CHECK_EQ(plan.status().ToString(), "");
  CHECK_EQ(plan->leaves, kLeaves);
  return *std::move(plan);
}

struct Result {
  std::vector<std::byte> bytes;
  double weight = 0;
  double loss = 0;
  friend bool operator==(const Result&, const Result&) = default;
};

class ExecutorTest : public testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<std::unique_ptr<ParameterStore>> store = ParameterStore::Create(plan_, *device_);
    ASSERT_TRUE(store.ok());
    weights_ = *std::move(store);
    for (uint32_t i = 0; i < plan_.layout.chunk_count(); ++i) {
      std::vector<float> values(static_cast<size_t>(plan_.layout.chunk(ChunkId(i)).element_count));
      for (size_t j = 0; j < values.size(); ++j) values[j] = 0.01f * static_cast<float>(j % 7) - 0.02f;
      ASSERT_TRUE(weights_->Install(ChunkId(i), Payload::Copy(std::as_bytes(std::span(values)))).ok());
    }
  }

  // What the node's leaves sum to, by position; the evaluation chunk's under UINT32_MAX.
  std::map<uint32_t, Result> Run(uint32_t lanes, Node node, Pass pass) {
    GradientSetPool pool(layout_.gradients().set_size, kLeaves + lanes);
    GradientReducer reducer({.leaves = kLeaves, .layout = layout_.gradients(), .cpu_level = device_->level()}, &pool);
    Mutex mutex;
    CondVar changed;
    uint32_t done = 0;
    auto executor = Executor::Create({.plan = &plan_,
                                      .layout = &layout_,
                                      .data = &data_,
                                      .weights = weights_.get(),
                                      .reducer = &reducer,
                                      .device = device_.get(),
                                      .factory = &factory_,
                                      .clock = &clock_,
                                      .lanes = lanes},
                                     [&](const Executor::Done& finished) {
                                       CHECK(finished.status.ok());
                                       MutexLock lock(mutex);
                                       ++done;
                                       changed.SignalAll();
                                     });
    CHECK(executor.ok());
    reducer.Begin(1);
    reducer.AddTarget(pass, node);
    const LeafRange leaves = Tree(kLeaves).Leaves(node);
    for (uint32_t leaf = leaves.begin; leaf < leaves.end; ++leaf) {
      MutexLock lock(mutex);
      while (leaf - leaves.begin - done == lanes) changed.Wait(mutex);
      CHECK((*executor)->Start({.generation = 1, .step = pass == Pass::kTrain ? 2u : 4u, .leaf = leaf, .pass = pass}));
    }
    {
      MutexLock lock(mutex);
      while (done < leaves.size()) changed.Wait(mutex);
    }
    std::map<uint32_t, Result> results;
    for (const PartialReady& partial : reducer.TakeReady()) {
      Result result{std::vector<std::byte>(partial.data.size()), partial.weight, partial.loss};
      partial.data.CopyTo(result.bytes);
      results[pass == Pass::kTrain ? partial.position : UINT32_MAX] = std::move(result);
    }
    return results;
  }

  const SyntheticRegression data_{{.seed = 3, .features = 6, .targets = 2, .samples = 60, .held_out = 0.2}};
  const JobPlan plan_ = MakePlan(data_.facts());
  const JobLayout layout_{plan_};
  const std::unique_ptr<CpuDevice> device_ = CpuDevice::Create().value();
  CpuOperatorFactory factory_{device_->level()};
  const SystemClock clock_;
  std::unique_ptr<ParameterStore> weights_;
};

TEST_F(ExecutorTest, ThreadsDoNotChangeTheSums) {
  const auto one = Run(1, Tree(kLeaves).root(), Pass::kTrain);
  EXPECT_EQ(one.size(), plan_.layout.positions().size());
  EXPECT_EQ(one.at(0).weight, 18);  // the last leaf has two samples only
  EXPECT_GT(one.at(0).loss, 0);
  for (uint32_t lanes = 2; lanes <= 4; ++lanes) EXPECT_EQ(Run(lanes, Tree(kLeaves).root(), Pass::kTrain), one);
}

TEST_F(ExecutorTest, NodesOfTheTreeAddUpToTheRoot) {
  const auto root = Run(1, {3, 0}, Pass::kTrain);
  const auto left = Run(2, {2, 0}, Pass::kTrain);
  const auto right = Run(2, {2, 1}, Pass::kTrain);
  for (const auto& [position, sum] : root) {
    std::vector<float> a(sum.bytes.size() / sizeof(float)), b(a.size()), c(a.size());
    std::ranges::copy(left.at(position).bytes, std::as_writable_bytes(std::span(a)).begin());
    std::ranges::copy(right.at(position).bytes, std::as_writable_bytes(std::span(b)).begin());
    std::ranges::copy(sum.bytes, std::as_writable_bytes(std::span(c)).begin());
    for (size_t i = 0; i < c.size(); ++i) EXPECT_EQ(a[i] + b[i], c[i]);
    EXPECT_EQ(left.at(position).loss + right.at(position).loss, sum.loss);
  }
}

TEST_F(ExecutorTest, EvaluationUsesEveryHeldOutSampleOnce) {
  const auto one = Run(1, Tree(kLeaves).root(), Pass::kEvaluate);
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one.at(UINT32_MAX).weight, 7);
  EXPECT_EQ(Run(3, Tree(kLeaves).root(), Pass::kEvaluate), one);
}

}  // namespace
}  // namespace banyan::worker
