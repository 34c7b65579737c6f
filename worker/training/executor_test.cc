#include "worker/training/executor.h"

#include <map>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "proto/job.pb.h"
#include "worker/compute/allocation_counter.h"
#include "worker/data/synthetic_regression.h"
#include "worker/device/cpu_device.h"
#include "worker/layers/cpu/cpu_operator_factory.h"
#include "worker/training/weight_store.h"

namespace banyan::worker {
namespace {

constexpr uint32_t kLeaves = 5;

class ExecutorTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { device_ = CpuDevice::Create().value().release(); }

  void SetUp() override {
    Prepare(13, 17);
  }

  void Prepare(uint64_t samples, uint64_t held_out) {
    reducer_.reset();
    v1::Job job;
    job.mutable_recipe()->set_seed(3);
    job.mutable_recipe()->mutable_model()->mutable_linear()->set_outputs(2);
    job.mutable_recipe()->mutable_model()->mutable_linear()->set_bias(true);
    job.mutable_recipe()->mutable_data()->mutable_synthetic_regression();
    job.mutable_recipe()->mutable_batch()->set_samples(samples);
    job.mutable_recipe()->mutable_batch()->set_leaf(3);
    job.mutable_recipe()->mutable_batch()->set_micro(2);
    job.mutable_recipe()->mutable_until()->set_steps(30);
    job.mutable_recipe()->mutable_optimizer()->mutable_sgd()->set_learning_rate(1);
    job.mutable_run()->mutable_servers()->set_chunk_bytes(16384);
    job.mutable_run()->mutable_evaluate()->mutable_every()->set_steps(1);
    job.mutable_run()->mutable_evaluate()->mutable_samples()->set_count(held_out);
    data_ = *SyntheticRegression::Make({.seed = 3, .features = 3000, .targets = 2, .samples = 100, .held_out = 0.2});
    plan_ = std::make_unique<JobPlan>(*JobPlan::Make(job, data_->facts(), device_->kind()));
    ASSERT_EQ(plan_->leaves, kLeaves);
    layout_ = SetLayout::Make(plan_->graph, plan_->layout);
    weights_ = *WeightStore::Create(*device_, plan_->graph, plan_->layout);
    for (uint32_t i = 0; i < plan_->layout.chunk_count(); ++i) {
      const std::vector<float> values(static_cast<size_t>(plan_->layout.chunk(ChunkId(i)).element_count), 0.25f);
      ASSERT_TRUE(weights_->Install(ChunkId(i), Payload::Borrow(std::as_bytes(std::span(values)))).ok());
    }
    pool_ = std::make_unique<GradientSetPool>(layout_.gradients.set_size, 16);
    pool_->Reserve(16);
    reducer_ = std::make_unique<GradientReducer>(
        GradientReducer::Options{.leaves = kLeaves, .layout = layout_.gradients, .cpu_level = device_->level()},
        pool_.get());
  }

  void Start(uint32_t threads) {
    std::vector<std::unique_ptr<LeafWorker>> workers;
    for (uint32_t i = 0; i < threads; ++i) {
      auto worker = LeafWorker::Create({.plan = plan_.get(),
                                        .data = data_.get(),
                                        .layout = &layout_,
                                        .reducer = reducer_.get(),
                                        .weights = weights_->views()},
                                       *device_, factory_);
      ASSERT_TRUE(worker.ok()) << worker.status();
      workers.push_back(*std::move(worker));
    }
    executor_ = std::make_unique<Executor>(std::move(workers), *device_, *reducer_, [this] {
      MutexLock lock(mutex_);
      changed_.Signal();
    });
  }

  // Bytes of each position's root, and {loss, weight} of training and evaluation.
  struct Step {
    std::map<uint32_t, std::vector<std::byte>> roots;
    std::pair<double, double> training;
    std::pair<double, double> evaluation;
    friend bool operator==(const Step&, const Step&) = default;
  };
  Step RunStep(uint64_t step) {
    reducer_->Begin(step);
    reducer_->AddTarget(Pass::kTrain, {3, 0});
    reducer_->AddTarget(Pass::kEvaluate, {3, 0});
    uint32_t begun = 0;
    for (uint32_t done = 0; done < 2 * kLeaves;) {
      while (begun < 2 * kLeaves && executor_->idle() > 0) {
        const Pass pass = begun < kLeaves ? Pass::kTrain : Pass::kEvaluate;
        EXPECT_TRUE(executor_->Start(step, begun % kLeaves, pass));
        ++begun;
      }
      for (const Executor::Done& leaf : executor_->TakeDone()) {
        EXPECT_TRUE(leaf.status.ok()) << leaf.status;
        ++done;
      }
      MutexLock lock(mutex_);
      changed_.WaitFor(mutex_, absl::Milliseconds(1));
    }
    Step result;
    for (const PartialReady& partial : reducer_->TakeReady()) {
      if (partial.pass == Pass::kEvaluate) {
        result.evaluation = {partial.loss, partial.weight};
        continue;
      }
      result.training = {partial.loss, partial.weight};
      std::vector<std::byte>& bytes = result.roots[partial.position];
      bytes.resize(partial.data.size());
      partial.data.CopyTo(bytes);
    }
    return result;
  }

  static inline CpuDevice* device_ = nullptr;  // one a process
  CpuOperatorFactory factory_{DetectCpuLevel()};
  std::unique_ptr<SyntheticRegression> data_;
  std::unique_ptr<JobPlan> plan_;
  SetLayout layout_;
  std::unique_ptr<WeightStore> weights_;
  std::unique_ptr<GradientSetPool> pool_;
  std::unique_ptr<GradientReducer> reducer_;
  std::unique_ptr<Executor> executor_;
  Mutex mutex_;
  CondVar changed_;
};

TEST_F(ExecutorTest, ThreadsDoNotChangeBits) {
  Start(1);
  const Step one = RunStep(2);
  executor_.reset();
  Start(3);

  EXPECT_EQ(RunStep(2), one);
  EXPECT_NE(RunStep(3), one);
  EXPECT_EQ(one.roots.size(), plan_->layout.positions().size());
  EXPECT_GT(one.training.second, 0);
  EXPECT_GT(one.training.first, 0);
  EXPECT_EQ(one.training.second / 13, one.evaluation.second / 17);  // the same weight a sample
}

TEST(AllocationCounterTest, CountsWhatIsAllocatedElsewhereAlone) {
  std::vector<int>* volatile elsewhere = nullptr;  // volatile: else the compiler may do without
  const uint64_t before = AllocationsCounted();
  CountAllocationsElsewhere(true);
  std::vector<int>* volatile here = new std::vector<int>(100);
  std::thread([&elsewhere] { elsewhere = new std::vector<int>(100); }).join();
  CountAllocationsElsewhere(false);
  EXPECT_EQ(AllocationsCounted() - before, 2);
  delete here;
  delete elsewhere;
}

TEST_F(ExecutorTest, ComputeThreadsAllocateNothingAfterTheFirstSteps) {
  // All leaves alike, for which thread takes which leaf is chance.
  Prepare(15, 15);
  Start(2);
  for (uint64_t step = 2; step <= 20; ++step) RunStep(step);
  const uint64_t before = AllocationsCounted();
  CountAllocationsElsewhere(true);
  for (uint64_t step = 2; step <= 6; ++step) RunStep(step);
  CountAllocationsElsewhere(false);
  EXPECT_EQ(AllocationsCounted(), before);
}

}  // namespace
}  // namespace banyan::worker
