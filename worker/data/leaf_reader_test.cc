#include "worker/data/leaf_reader.h"

#include <string>
#include <vector>

#include "common/base/check.h"
#include "google/protobuf/text_format.h"
#include "proto/job.pb.h"
#include "worker/data/data_fixture.h"

namespace banyan::worker {
namespace {

// Sample i has input {i, i + 0.5} and target {-i}; held-out ones count from 100.
class CountingDataset final : public Dataset {
 public:
  CountingDataset()
      : Dataset({.hash = "abc", .samples = 7, .held_out_samples = 5, .features = 2, .targets = 1}) {}
  size_t input_bytes() const override { return 8; }
  size_t target_bytes() const override { return 4; }
  void Read(DataPart part, uint64_t sample, std::span<std::byte> input, std::span<std::byte> target) const override {
    const float value = static_cast<float>(sample + (part == DataPart::kTraining ? 0 : 100));
    reinterpret_cast<float*>(input.data())[0] = value;
    reinterpret_cast<float*>(input.data())[1] = value + 0.5f;
    reinterpret_cast<float*>(target.data())[0] = -value;
  }
};

JobPlan MakePlan(const DataFacts& facts) {
  v1::Job job;
  CHECK(google::protobuf::TextFormat::ParseFromString(R"(
    recipe {
      seed: 1
      model { linear { outputs: 1 bias: true } }
      batch { samples: 5 leaf: 2 }
      until { steps: 10 }
      optimizer { sgd { learning_rate: 0.1 weight_decay: 0 } }
    }
    run { servers { chunk_bytes: 16384 } })", &job));
  return JobPlan::Make(job, facts, "cpu").value();
}

class LeafReaderTest : public testing::Test {
 protected:
  void ExpectSample(size_t place, float value) const {
    EXPECT_EQ(input_[2 * place], value);
    EXPECT_EQ(input_[2 * place + 1], value + 0.5f);
    EXPECT_EQ(targets_[place], -value);
  }
  std::span<std::byte> input() { return std::as_writable_bytes(std::span(input_)); }
  std::span<std::byte> targets() { return std::as_writable_bytes(std::span(targets_)); }

  const CountingDataset data_;
  const JobPlan plan_ = MakePlan(data_.facts());
  std::vector<float> input_ = std::vector<float>(10, -1000);
  std::vector<float> targets_ = std::vector<float>(5, -1000);
};

TEST_F(LeafReaderTest, ReadsTheSamplesOfTheOrder) {
  const LeafReader reader = LeafReader::Make(plan_, data_).value();
  const SampleOrder order({.seed = 1, .samples = 7, .batch = 5, .leaf = 2});
  for (uint64_t step = 1; step <= 4; ++step) {  // over two ends of an epoch
    for (uint32_t leaf = 0; leaf < 3; ++leaf) {
      const std::vector<uint64_t> samples = order.LeafSamples(step, leaf);
      ASSERT_EQ(reader.TrainingSamples(leaf), samples.size());
      reader.ReadTraining(step, leaf, input(), targets());
      for (size_t i = 0; i < samples.size(); ++i) ExpectSample(i, static_cast<float>(samples[i]));
    }
  }
}

TEST_F(LeafReaderTest, AShortLeafLeavesTheRestOfTheBuffersAlone) {
  const LeafReader reader = LeafReader::Make(plan_, data_).value();
  EXPECT_EQ(reader.TrainingSamples(2), 1u);
  reader.ReadTraining(1, 2, input(), targets());
  EXPECT_NE(input_[1], -1000);
  EXPECT_EQ(input_[2], -1000);
  EXPECT_EQ(targets_[1], -1000);
}

TEST_F(LeafReaderTest, LeavesShareTheHeldOutSamples) {
  const LeafReader reader = LeafReader::Make(plan_, data_).value();
  uint64_t next = 0;
  for (uint32_t leaf = 0; leaf < 3; ++leaf) {
    const SampleRange samples = reader.HeldOutSamples(5, leaf);
    ASSERT_EQ(samples.begin, next);
    next = samples.end;
    reader.ReadHeldOut(samples, input(), targets());
    for (uint64_t i = 0; i < samples.size(); ++i) ExpectSample(i, static_cast<float>(100 + samples.begin + i));
  }
  EXPECT_EQ(next, 5u);
}

TEST_F(LeafReaderTest, OtherDataThanTheJobsIsRefused) {
  JobPlan plan = plan_;
  plan.data_hash = "xyz";
  EXPECT_EQ(LeafReader::Make(plan, data_).status().message(),
            "this worker's data has hash abc, the job's has xyz; give every worker the same files");
}

}  // namespace
}  // namespace banyan::worker
