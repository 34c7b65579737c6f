// Loss and every gradient of a tiny GPT-2 against PyTorch's, recorded by tests/parity/gpt_golden.py, within the
// numerics contract.
#include <fstream>
#include <map>
#include <string>

#include "gtest/gtest.h"
#include "worker/compute/lane.h"
#include "worker/compute/lane_fixture.h"
#include "worker/layers/cpu/cpu_operator_factory.h"

namespace banyan::worker {
namespace {

struct Golden {
  TestGpt gpt;
  int64_t samples = 0;
  double loss = 0;
  std::map<std::string, std::vector<double>> gradients;
};

double HexFloat(const std::string& text) { return std::strtod(text.c_str(), nullptr); }

Golden ReadGolden() {
  std::ifstream file("worker/compute/testdata/gpt_golden.txt");
  EXPECT_TRUE(file.is_open());
  Golden golden;
  std::string word;
  file >> golden.gpt.layers >> golden.gpt.heads >> golden.gpt.width >> golden.gpt.context >> golden.gpt.vocabulary >>
      golden.samples >> word >> word;
  golden.loss = HexFloat(word);
  size_t size = 0;
  for (std::string name; file >> name >> size;) {
    std::vector<double>& gradient = golden.gradients[name];
    while (gradient.size() < size && file >> word) gradient.push_back(HexFloat(word));
  }
  return golden;
}

TEST(GoldenTest, LossAndGradientsMatchPyTorch) {
  const Golden golden = ReadGolden();
  const Graph graph = MakeTestGpt(golden.gpt);
  const auto device = CpuDevice::Create().value();
  CpuOperatorFactory factory(device->level());
  const TestWeights<float> weights(graph);
  const int64_t size = golden.samples * golden.gpt.context;
  const std::vector<int32_t> tokens = HashTokens(1000, size, golden.gpt.vocabulary);
  const std::vector<int32_t> targets = HashTokens(1001, size, golden.gpt.vocabulary);
  const auto lane = Lane::Create(graph, *device, factory, {.micro = 2}).value();
  RecordingSink<float> sink(graph);

  const LeafLoss loss = lane->Train({.samples = golden.samples,
                                     .input = ViewOf(tokens.data(), size),
                                     .targets = ViewOf(targets.data(), size)},
                                    weights.views(), sink)
                            .value();

  EXPECT_EQ(loss.weight, static_cast<double>(size));
  EXPECT_NEAR(loss.sum / loss.weight, golden.loss, 1e-5 * golden.loss);
  ASSERT_EQ(golden.gradients.size(), graph.parameters.size());
  double whole = 0;
  for (const auto& [name, gradient] : golden.gradients) whole = std::hypot(whole, Norm(gradient));
  const double least = 1e-3 * whole / std::sqrt(static_cast<double>(golden.gradients.size()));
  for (const auto& [name, expected] : golden.gradients) {
    const std::optional<ParameterId> id = graph.FindParameter(name);
    ASSERT_TRUE(id.has_value()) << name;
    std::vector<double> actual(expected.size());
    for (uint32_t use = 0; use < graph.parameter(*id).uses; ++use) {
      const std::vector<float>& gradient = sink.gradients.at({*id, use});
      ASSERT_EQ(gradient.size(), expected.size()) << name;
      for (size_t i = 0; i < actual.size(); ++i) actual[i] += gradient[i] / loss.weight;
    }
    EXPECT_LE(ErrorNorm(actual, expected), 1e-5 * std::max(Norm(expected), least)) << name;
  }
}

}  // namespace
}  // namespace banyan::worker
