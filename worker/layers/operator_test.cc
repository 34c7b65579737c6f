// Every layer twice: the fp64 reference against central differences, and the shipped fp32 operator, at every
// instruction set level of this processor, against the reference.
#include "worker/layers/operator.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <ostream>
#include <random>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/model/graph_builder.h"
#include "gtest/gtest.h"
#include "worker/device/cpu_device.h"
#include "worker/layers/cpu/cpu_operator_factory.h"
#include "worker/layers/reference/reference_operators.h"

namespace banyan::worker {
namespace {

struct LayerCase {
  std::string name;
  LayerAttributes attributes;
  std::vector<Shape> inputs;
  int64_t samples = 1;
  int64_t classes = 0;  // of an index input: the only one, or a loss's second
  double spread = 1;    // inputs lie in [-spread, spread)
};

void PrintTo(const LayerCase& c, std::ostream* out) { *out << c.name; }

// One layer with its inputs, parameters and an output gradient, all of them values that fp32 holds exactly.
class Harness {
 public:
  explicit Harness(const LayerCase& c) : samples_(c.samples) {
    layer_.name = "layer";
    layer_.attributes = c.attributes;
    for (const Shape& shape : c.inputs) {
      const bool index = c.classes > 0 && (c.inputs.size() == 1 || !layer_.inputs.empty());
      layer_.inputs.push_back(AddTensor(index ? ElementKind::kIndex : ElementKind::kReal, shape));
    }
    std::vector<Tensor> tensors;
    for (TensorId id : layer_.inputs) tensors.push_back(graph_.tensor(id));
    const LayerDescription description = DescribeLayer(c.attributes, tensors).value();
    for (const ParameterSlot& slot : description.parameters) {
      layer_.parameters.push_back({ParameterId(static_cast<uint32_t>(graph_.parameters.size())), 0});
      graph_.parameters.emplace_back().shape = slot.shape;
      parameters_.push_back(Random(ElementsOf(slot.shape)));
    }
    for (size_t i = 0; i < layer_.inputs.size(); ++i) {
      const Tensor& tensor = graph_.tensor(layer_.inputs[i]);
      const int64_t size = samples_ * ElementsOf(tensor.shape);
      reals_.push_back(tensor.element == ElementKind::kReal ? Random(size, c.spread) : std::vector<double>());
      indices_.emplace_back();
      if (tensor.element == ElementKind::kIndex) {
        for (int64_t k = 0; k < size; ++k) indices_[i].push_back(static_cast<int32_t>(generator_() % c.classes));
      }
    }
    for (const Shape& shape : description.outputs) {
      layer_.outputs.push_back(AddTensor(ElementKind::kReal, shape));
      dy_.push_back(Random(samples_ * ElementsOf(shape)));
    }
  }

  // Every gradient that the layer gives, its outputs and its loss, from the operator of `factory`.
  template <typename T>
  struct Result {
    std::vector<std::vector<T>> outputs;
    std::vector<std::vector<T>> gradients;  // of inputs, then of parameters
    double loss[2] = {0, 0};
  };

  template <typename T>
  Result<T> Run(OperatorFactory& factory, Mode mode = Mode::kTrain, bool accumulate = false) {
    std::unique_ptr<Operator> op = factory.Make(graph_, layer_, samples_).value();
    const OperatorNeeds& needs = op->needs();
    // Poisoned: nothing may be read before it is written.
    std::vector<std::byte> saved(needs.saved_bytes, std::byte{0xff});
    std::vector<std::byte> workspace(std::max(needs.forward_workspace_bytes, needs.backward_workspace_bytes),
                                     std::byte{0xff});
    Result<T> result;
    std::vector<std::vector<T>> inputs, parameters;
    for (const auto& x : reals_) inputs.emplace_back(x.begin(), x.end());
    for (const auto& p : parameters_) parameters.emplace_back(p.begin(), p.end());
    ForwardCall forward = {.mode = mode};
    for (size_t i = 0; i < inputs.size(); ++i) forward.inputs.push_back(Input(inputs, i));
    for (auto& p : parameters) forward.parameters.push_back(ViewOf(p.data(), std::ssize(p)));
    for (const auto& dy : dy_) result.outputs.emplace_back(dy.size(), std::nan(""));
    for (auto& y : result.outputs) forward.outputs.push_back(ViewOf(y.data(), std::ssize(y)));
    forward.loss = ViewOf(result.loss, 2);
    forward.saved = View(saved.data(), DType::kU8, std::ssize(saved));
    forward.workspace = View(workspace.data(), DType::kU8, std::ssize(workspace));
    const Piece piece = {.key = {.seed = 7, .step = 3}, .first_sample = 5};
    op->Forward(piece, forward, *stream_);
    if (mode == Mode::kEvaluate) return result;

    std::fill(workspace.begin(), workspace.end(), std::byte{0xff});
    BackwardCall backward = {.inputs = forward.inputs, .parameters = forward.parameters};
    for (auto& y : result.outputs) backward.outputs.push_back(ViewOf(std::as_const(y).data(), std::ssize(y)));
    std::vector<std::vector<T>> dy;
    for (const auto& g : dy_) dy.emplace_back(g.begin(), g.end());
    for (auto& g : dy) backward.output_gradients.push_back(ViewOf(g.data(), std::ssize(g)));
    const T initial = accumulate ? T{1} : static_cast<T>(std::nan(""));
    for (const auto& x : inputs) result.gradients.emplace_back(x.size(), initial);
    for (const auto& p : parameters) result.gradients.emplace_back(p.size(), initial);
    for (size_t i = 0; i < result.gradients.size(); ++i) {
      auto& g = result.gradients[i];
      const View view = g.empty() ? View() : ViewOf(g.data(), std::ssize(g));
      (i < inputs.size() ? backward.input_gradients : backward.parameter_gradients).push_back(view);
    }
    if (IsLoss(layer_.attributes)) backward.input_gradients[1] = View();  // targets
    backward.accumulate_inputs.assign(inputs.size(), accumulate);
    backward.accumulate_parameters = accumulate;
    backward.saved = forward.saved;
    backward.workspace = forward.workspace;
    op->Backward(piece, backward, *stream_);
    if (IsLoss(layer_.attributes)) result.gradients[1].clear();
    return result;
  }

  // What the gradients are gradients of: the loss, or the outputs' product with their gradients.
  double Objective(OperatorFactory& factory) {
    const auto result = Run<double>(factory);
    double sum = result.loss[0];
    for (size_t i = 0; i < dy_.size(); ++i) {
      for (size_t k = 0; k < dy_[i].size(); ++k) sum += dy_[i][k] * result.outputs[i][k];
    }
    return sum;
  }

  // Inputs, then parameters, in the order of Result::gradients.
  std::vector<double>& variable(size_t i) { return i < reals_.size() ? reals_[i] : parameters_[i - reals_.size()]; }

 private:
  TensorId AddTensor(ElementKind element, const Shape& shape) {
    graph_.tensors.push_back({.name = "", .element = element, .shape = shape});
    return TensorId(static_cast<uint32_t>(graph_.tensors.size() - 1));
  }

  std::vector<double> Random(int64_t size, double spread = 1) {
    std::vector<double> values(size);
    for (double& value : values) {
      value = static_cast<float>(spread * (std::ldexp(static_cast<double>(generator_()), -31) - 1.0));
    }
    return values;
  }

  template <typename T>
  ConstView Input(const std::vector<std::vector<T>>& reals, size_t i) const {
    if (!indices_[i].empty()) return ViewOf(indices_[i].data(), std::ssize(indices_[i]));
    return ViewOf(reals[i].data(), std::ssize(reals[i]));
  }

  std::mt19937 generator_{1};
  std::unique_ptr<CpuDevice> device_ = CpuDevice::Create().value();
  std::unique_ptr<Stream> stream_ = device_->NewStream().value();
  Graph graph_;
  Layer layer_;
  int64_t samples_;
  std::vector<std::vector<double>> reals_;
  std::vector<std::vector<int32_t>> indices_;
  std::vector<std::vector<double>> parameters_;
  std::vector<std::vector<double>> dy_;
};

double Norm(const std::vector<double>& values) {
  double sum = 0;
  for (double value : values) sum += value * value;
  return std::sqrt(sum);
}

std::vector<LayerCase> Cases() {
  using enum Activation;
  const auto linear = [](int64_t units, bool bias, WeightLayout layout, Activation activation) {
    return LinearAttributes{.units = units, .bias = bias, .weight_layout = layout, .activation = activation};
  };
  using enum WeightLayout;
  return {
      {"LinearOneByOne", linear(1, true, kOutIn, kNone), {{1}}, 1},
      {"LinearOutIn", linear(17, true, kOutIn, kNone), {{31}}, 3},
      {"LinearNoBias", linear(40, false, kOutIn, kNone), {{3, 17}}, 7},
      {"LinearInOut", linear(31, true, kInOut, kNone), {{3, 17}}, 2},
      {"LinearGelu", linear(33, true, kInOut, kGeluTanh), {{5, 16}}, 4},
      {"LinearRelu", linear(3, true, kOutIn, kRelu), {{17}}, 5},
      {"LinearTanh", linear(16, true, kOutIn, kTanh), {{4, 3}}, 1},
      {"LinearSigmoid", linear(7, false, kInOut, kSigmoid), {{31}}, 17},
      {"Embedding", EmbeddingAttributes{.vocabulary = 11, .width = 17}, {{9}}, 3, 11},
      {"EmbeddingWide", EmbeddingAttributes{.vocabulary = 3, .width = 48}, {{1}}, 1, 3},
      {"LayerNorm", LayerNormAttributes{}, {{3, 31}}, 2},
      {"LayerNormWide", LayerNormAttributes{.epsilon = 1e-2}, {{128}}, 5},
      {"LayerNormThree", LayerNormAttributes{}, {{3}}, 17},
      {"Attention", CausalSelfAttentionAttributes{.heads = 2}, {{17, 3 * 6}}, 2},
      {"AttentionOneToken", CausalSelfAttentionAttributes{.heads = 1}, {{1, 3}}, 3},
      {"AttentionVectors", CausalSelfAttentionAttributes{.heads = 2}, {{32, 3 * 32}}, 1},
      {"AttentionBlocks", CausalSelfAttentionAttributes{.heads = 3}, {{131, 3 * 51}}, 1},
      {"AttentionDropout", CausalSelfAttentionAttributes{.heads = 3, .dropout = 0.4}, {{31, 3 * 9}}, 2},
      {"AttentionDropoutBlocks", CausalSelfAttentionAttributes{.heads = 1, .dropout = 0.1}, {{70, 3 * 17}}, 2},
      {"Dropout", DropoutAttributes{.rate = 0.3}, {{5, 31}}, 3},
      {"DropoutNone", DropoutAttributes{}, {{17}}, 2},
      {"DropoutLong", DropoutAttributes{.rate = 0.5}, {{4099}}, 2},
      {"Relu", ActivationAttributes{.activation = kRelu}, {{31}}, 3},
      {"Gelu", ActivationAttributes{.activation = kGeluTanh}, {{3, 17}}, 1},
      {"Tanh", ActivationAttributes{.activation = kTanh}, {{17}}, 5},
      {"Sigmoid", ActivationAttributes{.activation = kSigmoid}, {{1}}, 1},
      {"GeluFar", ActivationAttributes{.activation = kGeluTanh}, {{131}}, 1, 0, 12},
      {"TanhFar", ActivationAttributes{.activation = kTanh}, {{131}}, 1, 0, 12},
      {"SigmoidFar", ActivationAttributes{.activation = kSigmoid}, {{131}}, 1, 0, 30},
      {"AttentionSharp", CausalSelfAttentionAttributes{.heads = 2, .dropout = 0.2}, {{33, 3 * 18}}, 1, 0, 4},
      {"LayerNormFar", LayerNormAttributes{}, {{3, 31}}, 2, 0, 100},
      {"CrossEntropySharp", CrossEntropyAttributes{}, {{5, 31}, {5}}, 3, 31, 20},
      {"Add", AddAttributes{}, {{3, 31}, {3, 31}}, 2},
      {"CrossEntropy", CrossEntropyAttributes{}, {{5, 31}, {5}}, 3, 31},
      {"CrossEntropyBytes", CrossEntropyAttributes{}, {{3, 256}, {3}}, 2, 256},
      {"CrossEntropyTwo", CrossEntropyAttributes{}, {{1, 2}, {1}}, 17, 2},
      {"MeanSquaredError", MeanSquaredErrorAttributes{}, {{3}, {3}}, 17},
      {"MeanSquaredErrorOne", MeanSquaredErrorAttributes{}, {{1}, {1}}, 1},
  };
}

class OperatorTest : public testing::TestWithParam<LayerCase> {
 protected:
  void TearDown() override {
    if (largest_error_ > 0) RecordProperty("largest_error", absl::StrCat(largest_error_));
  }

  // |a - b| <= tolerance * |b|, as vectors, with a floor for a gradient that is zero.
  template <typename T>
  void ExpectClose(const std::vector<T>& a, const std::vector<double>& b, double tolerance) {
    ASSERT_EQ(a.size(), b.size());
    if (b.empty()) return;
    std::vector<double> error(b.size());
    for (size_t i = 0; i < b.size(); ++i) error[i] = static_cast<double>(a[i]) - b[i];
    const double relative = Norm(error) / (Norm(b) + 1e-3 * std::sqrt(static_cast<double>(b.size())));
    EXPECT_LE(relative, tolerance);
    largest_error_ = std::max(largest_error_, relative);
  }

  double largest_error_ = 0;
  Harness harness_{GetParam()};
  ReferenceOperatorFactory reference_;
};

// Every element for small tensors, every 97th and so on for large ones.
TEST_P(OperatorTest, ReferenceMatchesCentralDifferences) {
  const auto result = harness_.Run<double>(reference_);
  for (size_t v = 0; v < result.gradients.size(); ++v) {
    const size_t size = result.gradients[v].size();
    const size_t stride = size / 40 + 1;
    std::vector<double> exact, differences;
    for (size_t i = 0; i < size; i += stride) {
      double& x = harness_.variable(v)[i];
      const double before = x;
      const double step = 1e-5;
      x = before + step;
      const double above = harness_.Objective(reference_);
      x = before - step;
      const double below = harness_.Objective(reference_);
      x = before;
      exact.push_back(result.gradients[v][i]);
      differences.push_back((above - below) / (2 * step));
    }
    SCOPED_TRACE(v);
    ExpectClose(exact, differences, 1e-6);
  }
}

TEST_P(OperatorTest, MatchesReference) {
  const auto expected = harness_.Run<double>(reference_);
  for (CpuLevel level : SupportedCpuLevels()) {
    SCOPED_TRACE(CpuLevelName(level));
    CpuOperatorFactory factory(level);
    const auto actual = harness_.Run<float>(factory);
    for (size_t i = 0; i < expected.outputs.size(); ++i) ExpectClose(actual.outputs[i], expected.outputs[i], 1e-6);
    for (size_t i = 0; i < expected.gradients.size(); ++i) {
      SCOPED_TRACE(i);
      ExpectClose(actual.gradients[i], expected.gradients[i], 2e-6);
    }
    EXPECT_NEAR(actual.loss[0], expected.loss[0], 1e-6 * expected.loss[0]);
    EXPECT_EQ(actual.loss[1], expected.loss[1]);
  }
}

TEST_P(OperatorTest, AddsWhereItIsTold) {
  for (CpuLevel level : SupportedCpuLevels()) {
    CpuOperatorFactory factory(level);
    auto expected = harness_.Run<double>(reference_).gradients;
    for (auto& gradient : expected) {
      for (double& value : gradient) value += 1;
    }
    const auto actual = harness_.Run<float>(factory, Mode::kTrain, true).gradients;
    for (size_t i = 0; i < expected.size(); ++i) ExpectClose(actual[i], expected[i], 2e-6);
  }
}

TEST_P(OperatorTest, EvaluatesAsTheReference) {
  const auto expected = harness_.Run<double>(reference_, Mode::kEvaluate);
  for (CpuLevel level : SupportedCpuLevels()) {
    CpuOperatorFactory factory(level);
    const auto actual = harness_.Run<float>(factory, Mode::kEvaluate);
    for (size_t i = 0; i < expected.outputs.size(); ++i) ExpectClose(actual.outputs[i], expected.outputs[i], 1e-6);
    EXPECT_NEAR(actual.loss[0], expected.loss[0], 1e-6 * expected.loss[0]);
  }
}

TEST_P(OperatorTest, RepeatsItsBits) {
  CpuOperatorFactory factory(DetectCpuLevel());
  const auto first = harness_.Run<float>(factory);
  const std::vector<std::byte> moves_the_heap(12345);
  const auto second = harness_.Run<float>(factory);
  EXPECT_EQ(first.outputs, second.outputs);
  EXPECT_EQ(first.gradients, second.gradients);
  EXPECT_EQ(first.loss[0], second.loss[0]);
}

// A layer, or an activation alone or inside a linear layer, that is added without a case here is found.
TEST(OperatorCasesTest, HaveEveryLayerAndActivation) {
  std::set<size_t> layers;
  std::set<Activation> alone, fused;
  for (const LayerCase& c : Cases()) {
    layers.insert(c.attributes.index());
    if (const auto* linear = std::get_if<LinearAttributes>(&c.attributes)) fused.insert(linear->activation);
    if (const auto* activation = std::get_if<ActivationAttributes>(&c.attributes)) alone.insert(activation->activation);
  }
  constexpr auto kActivations = static_cast<size_t>(Activation::kSigmoid);  // the last one; kNone is the first
  EXPECT_EQ(layers.size(), std::variant_size_v<LayerAttributes>);
  EXPECT_EQ(alone.size(), kActivations);
  EXPECT_EQ(fused.size(), kActivations + 1);
}

INSTANTIATE_TEST_SUITE_P(Layers, OperatorTest, testing::ValuesIn(Cases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace banyan::worker
