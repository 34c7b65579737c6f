#ifndef BANYAN_WORKER_COMPUTE_LANE_FIXTURE_H_
#define BANYAN_WORKER_COMPUTE_LANE_FIXTURE_H_

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/model/graph.h"
#include "worker/compute/gradient_sink.h"
#include "worker/compute/lane.h"
#include "worker/device/cpu_device.h"

namespace banyan::worker {

// What tests of lanes share: models, weights in host memory, a sink that keeps what it is given.

struct TestGpt {
  uint32_t layers = 2;
  uint32_t heads = 2;
  uint32_t width = 12;
  uint32_t context = 9;
  int64_t vocabulary = 17;
  double dropout = 0;
};
Graph MakeTestGpt(const TestGpt& gpt);

// Numbers in [-0.5, 0.5) that fp32 holds exactly: `uniform` of tests/parity/gpt_golden.py.
std::vector<double> HashUniform(uint64_t stream, int64_t size);
// Tokens from the same, in [0, vocabulary).
std::vector<int32_t> HashTokens(uint64_t stream, int64_t size, int64_t vocabulary);

// A value for every parameter; parameter p of the graph's names in byte order has stream p, and norms are around 1.
template <typename T>
class TestWeights {
 public:
  explicit TestWeights(const Graph& graph) {
    std::map<std::string, size_t> by_name;
    for (size_t i = 0; i < graph.parameters.size(); ++i) by_name[graph.parameters[i].name] = i;
    values_.resize(graph.parameters.size());
    uint64_t stream = 0;
    for (const auto& [name, i] : by_name) {
      const Parameter& parameter = graph.parameters[i];
      const bool around_one = parameter.role == ParameterRole::kNorm && name.ends_with(".weight");
      for (double value : HashUniform(stream, ElementsOf(parameter.shape))) {
        values_[i].push_back(static_cast<T>(static_cast<float>(value + (around_one ? 1 : 0))));
      }
      ++stream;
    }
    for (const std::vector<T>& value : values_) views_.push_back(ViewOf(value.data(), std::ssize(value)));
  }
  TestWeights(const TestWeights&) = delete;

  Weights views() const { return views_; }
  std::vector<T>& value(size_t parameter) { return values_[parameter]; }

 private:
  std::vector<std::vector<T>> values_;
  std::vector<ConstView> views_;
};

template <typename T>
class RecordingSink final : public GradientSink {
 public:
  explicit RecordingSink(const Graph& graph) {
    for (size_t p = 0; p < graph.parameters.size(); ++p) {
      for (uint32_t use = 0; use < graph.parameters[p].uses; ++use) {
        gradients[{ParameterId(static_cast<uint32_t>(p)), use}].assign(ElementsOf(graph.parameters[p].shape),
                                                                       std::numeric_limits<T>::quiet_NaN());
      }
    }
    completed.reserve(gradients.size());
  }

  View Accumulator(ParameterUse use) override {
    std::vector<T>& gradient = gradients.at(use);
    return ViewOf(gradient.data(), std::ssize(gradient));
  }
  void Complete(ParameterUse use, const Event& done) override {
    done.Wait();
    completed.push_back(use);
  }

  std::map<ParameterUse, std::vector<T>> gradients;
  std::vector<ParameterUse> completed;
};

template <typename A, typename B>
double ErrorNorm(const std::vector<A>& a, const std::vector<B>& b) {
  double sum = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    const double error = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += error * error;
  }
  return std::sqrt(sum);
}

template <typename T>
double Norm(const std::vector<T>& values) {
  return ErrorNorm(values, std::vector<T>(values.size(), T{0}));
}

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_COMPUTE_LANE_FIXTURE_H_
