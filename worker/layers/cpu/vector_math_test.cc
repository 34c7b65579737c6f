// exp, tanh and sigmoid of vector.inc, seen through the kernels that use them.
#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "worker/layers/cpu/elementwise.h"
#include "worker/layers/cpu/rowwise.h"

namespace banyan::worker {
namespace {

class VectorMathTest : public testing::TestWithParam<CpuLevel> {
 protected:
  void SetUp() override {
    if (GetParam() > DetectCpuLevel()) GTEST_SKIP() << "this processor lacks " << CpuLevelName(GetParam());
  }

  std::vector<float> Apply(Activation activation, std::vector<float> x) {
    ElementwiseKernelsFor(GetParam()).activate(activation, nullptr, x.data(), nullptr, 1, std::ssize(x));
    return x;
  }

  // Numbers of both signs, from denormal to `limit`, evenly spread over exponents.
  static std::vector<float> Samples(float limit) {
    std::vector<float> samples = {0.0f, -0.0f};
    for (float x = 1e-40f; x < limit; x *= 1.0037f) {
      samples.push_back(x);
      samples.push_back(-x);
    }
    return samples;
  }
};

double UlpsApart(float actual, double expected) {
  const auto rounded = static_cast<float>(expected);
  const float ulp = std::nextafter(std::fabs(rounded), std::numeric_limits<float>::infinity()) - std::fabs(rounded);
  return std::fabs(double{actual} - expected) / double{ulp};
}

TEST_P(VectorMathTest, TanhIsWithinThreeUlps) {
  const std::vector<float> x = Samples(100);
  const std::vector<float> y = Apply(Activation::kTanh, x);
  for (size_t i = 0; i < x.size(); ++i) ASSERT_LE(UlpsApart(y[i], std::tanh(double{x[i]})), 3) << x[i];
}

TEST_P(VectorMathTest, SigmoidIsWithinFourUlps) {
  const std::vector<float> x = Samples(86);
  const std::vector<float> y = Apply(Activation::kSigmoid, x);
  for (size_t i = 0; i < x.size(); ++i) ASSERT_LE(UlpsApart(y[i], 1 / (1 + std::exp(-double{x[i]}))), 4) << x[i];
}

// A row {0, x} with x <= 0: the sum is 1 + e^x. A row {x, x + 88} shows e^-88 alone to be flushed.
TEST_P(VectorMathTest, ExpIsWithinTwoUlps) {
  std::vector<float> logits;
  std::vector<int32_t> targets;
  for (float x = 0; x > -87; x -= 0.0123f) {
    logits.insert(logits.end(), {x, x - 1});
    targets.push_back(1);
  }
  // With maximum 0 and sum 1 the gradient is e^x, less 1 where the target is.
  std::vector<float> statistics(2 * targets.size());
  for (size_t r = 0; r < targets.size(); ++r) statistics[2 * r + 1] = 1;
  std::vector<float> gradient(logits.size());
  RowwiseKernelsFor(GetParam()).cross_entropy_backward(logits.data(), targets.data(), statistics.data(),
                                                       gradient.data(), false, std::ssize(targets), 2);
  for (size_t i = 0; i < logits.size(); i += 2) {
    ASSERT_LE(UlpsApart(gradient[i], std::exp(double{logits[i]})), 2) << logits[i];
  }
}

TEST_P(VectorMathTest, ExtremesAndNan) {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(Apply(Activation::kTanh, {inf, -inf, 200, -200}), (std::vector<float>{1, -1, 1, -1}));
  EXPECT_EQ(Apply(Activation::kSigmoid, {inf, -inf, 200, -200}), (std::vector<float>{1, 0, 1, 0}));
  EXPECT_EQ(Apply(Activation::kGeluTanh, {30, -30}), (std::vector<float>{30, 0}));
  for (Activation activation : {Activation::kTanh, Activation::kSigmoid, Activation::kGeluTanh}) {
    EXPECT_TRUE(std::isnan(Apply(activation, {nan})[0]));
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, VectorMathTest,
                         testing::Values(CpuLevel::kSse2, CpuLevel::kAvx2, CpuLevel::kAvx512),
                         [](const auto& info) { return std::string(CpuLevelName(info.param)); });

}  // namespace
}  // namespace banyan::worker
