// A tiny GPT-2 against PyTorch's, recorded by tests/parity/gpt_golden.py: loss, every gradient and the losses of ten
// steps, within the numerics contract, at every instruction set level of this processor.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/cpu/cpu_level.h"
#include "common/optimizer/adam.h"
#include "gtest/gtest.h"
#include "worker/compute/lane.h"
#include "worker/compute/lane_fixture.h"
#include "worker/layers/cpu/cpu_operator_factory.h"

namespace banyan::worker {
namespace {

struct Golden {
  TestGpt gpt;
  int64_t samples = 0;
  std::vector<double> losses;
  std::map<std::string, std::vector<double>> gradients;
};

double HexFloat(const std::string& text) { return std::strtod(text.c_str(), nullptr); }

Golden ReadGolden() {
  std::ifstream file("worker/compute/testdata/gpt_golden.txt");
  CHECK(file.is_open());
  Golden golden;
  std::string word;
  file >> golden.gpt.layers >> golden.gpt.heads >> golden.gpt.width >> golden.gpt.context >> golden.gpt.vocabulary >>
      golden.samples >> word;
  for (int step = 0; step < 10 && file >> word; ++step) golden.losses.push_back(HexFloat(word));
  size_t size = 0;
  for (std::string name; file >> name >> size;) {
    std::vector<double>& gradient = golden.gradients[name];
    while (gradient.size() < size && file >> word) gradient.push_back(HexFloat(word));
  }
  return golden;
}

class GoldenTest : public testing::TestWithParam<CpuLevel> {
 protected:
  void SetUp() override {
    ASSERT_EQ(golden_.losses.size(), 10u);
    ASSERT_EQ(golden_.gradients.size(), graph_.parameters.size());
  }

  void TearDown() override { RecordProperty("largest_error", absl::StrCat(largest_error_)); }

  // Of an error that is measured against what it is allowed to be relative to.
  void ExpectAtMost(double error, double scale, const std::string& what) {
    EXPECT_LE(error, 1e-5 * scale) << what;
    largest_error_ = std::max(largest_error_, error / scale);
  }

  // One leaf of all samples, in pieces of two; gradients are those of the sum of losses.
  LeafLoss Train() {
    return lane_
        ->Train({.samples = golden_.samples,
                 .input = ViewOf(tokens_.data(), std::ssize(tokens_)),
                 .targets = ViewOf(targets_.data(), std::ssize(targets_))},
                weights_.views(), sink_)
        .value();
  }

  // Summed over the parameter's uses.
  std::vector<float> Gradient(ParameterId id) const {
    std::vector<float> sum = sink_.gradients.at({id, 0});
    for (uint32_t use = 1; use < graph_.parameter(id).uses; ++use) {
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += sink_.gradients.at({id, use})[i];
    }
    return sum;
  }

  const Golden golden_ = ReadGolden();
  const Graph graph_ = MakeTestGpt(golden_.gpt);
  const std::unique_ptr<CpuDevice> device_ = CpuDevice::Create().value();
  CpuOperatorFactory factory_{GetParam()};
  TestWeights<float> weights_{graph_};
  const std::vector<int32_t> tokens_ =
      HashTokens(1000, golden_.samples * golden_.gpt.context, golden_.gpt.vocabulary);
  const std::vector<int32_t> targets_ =
      HashTokens(1001, golden_.samples * golden_.gpt.context, golden_.gpt.vocabulary);
  const std::unique_ptr<Lane> lane_ = Lane::Create(graph_, *device_, factory_, {.micro = 2}).value();
  RecordingSink<float> sink_{graph_};
  double largest_error_ = 0;
};

TEST_P(GoldenTest, LossAndGradientsMatchPyTorch) {
  const LeafLoss loss = Train();

  EXPECT_EQ(loss.weight, static_cast<double>(tokens_.size()));
  ExpectAtMost(std::abs(loss.sum / loss.weight - golden_.losses[0]), golden_.losses[0], "loss");
  double whole = 0;
  for (const auto& [name, gradient] : golden_.gradients) whole = std::hypot(whole, Norm(gradient));
  const double least = 1e-3 * whole / std::sqrt(static_cast<double>(golden_.gradients.size()));
  for (const auto& [name, expected] : golden_.gradients) {
    const std::optional<ParameterId> id = graph_.FindParameter(name);
    ASSERT_TRUE(id.has_value()) << name;
    const std::vector<float> sum = Gradient(*id);
    ASSERT_EQ(sum.size(), expected.size()) << name;
    std::vector<double> mean(sum.begin(), sum.end());
    for (double& value : mean) value /= loss.weight;
    ExpectAtMost(ErrorNorm(mean, expected), std::max(Norm(expected), least), name);
  }
}

TEST_P(GoldenTest, TenStepsOfAdamWMatchPyTorch) {
  const auto rule = MakeAdamW({.beta1 = 0.9, .beta2 = 0.95, .epsilon = 1e-8, .weight_decay = 0.1});
  std::vector<std::vector<float>> first(graph_.parameters.size()), second(graph_.parameters.size());
  for (uint64_t step = 1; step <= golden_.losses.size(); ++step) {
    const LeafLoss loss = Train();
    const double expected = golden_.losses[step - 1];
    ExpectAtMost(std::abs(loss.sum / loss.weight - expected), expected, absl::StrCat("loss of step ", step));
    for (uint32_t p = 0; p < graph_.parameters.size(); ++p) {
      std::vector<float> sum = Gradient(ParameterId(p));
      first[p].resize(sum.size());
      second[p].resize(sum.size());
      float* const slots[] = {first[p].data(), second[p].data()};
      rule->Apply(GetParam(), {.learning_rate = 1e-2, .gradient_factor = 1 / loss.weight, .update = step},
                  UpdateSegment<float>{
                      .tensor = graph_.parameters[p].name, .weights = weights_.value(p), .accumulator = sum, .slots = slots});
      std::copy(sum.begin(), sum.end(), weights_.value(p).begin());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, GoldenTest, testing::ValuesIn(SupportedCpuLevels()),
                         [](const auto& info) { return std::string(CpuLevelName(info.param)); });

}  // namespace
}  // namespace banyan::worker
