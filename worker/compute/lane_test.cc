#include "worker/compute/lane.h"

#include <set>
#include <thread>

#include "gtest/gtest.h"
#include "worker/compute/lane_fixture.h"
#include "worker/layers/cpu/cpu_operator_factory.h"
#include "worker/layers/reference/reference_operators.h"

namespace banyan::worker {
namespace {

constexpr int64_t kSamples = 5;

class LaneTest : public testing::Test {
 protected:
  explicit LaneTest(const TestGpt& gpt = {.dropout = 0.2}) : gpt_(gpt), graph_(MakeTestGpt(gpt)) {}

  template <typename T>
  struct Result {
    LeafLoss loss;
    RecordingSink<T> sink;
  };

  // Samples [first, first + samples) of the batch.
  LeafData Leaf(int64_t first, int64_t samples, uint64_t step = 3) const {
    const int64_t context = gpt_.context;
    return {.key = {.seed = 1, .step = step},
            .first_sample = first,
            .samples = samples,
            .input = ViewOf(tokens_.data() + first * context, samples * context),
            .targets = ViewOf(targets_.data() + first * context, samples * context)};
  }

  std::unique_ptr<Lane> MakeLane(OperatorFactory& factory, int64_t micro = 0) const {
    return Lane::Create(graph_, *device_, factory, {.micro = micro}).value();
  }

  template <typename T>
  Result<T> Train(Lane& lane, const TestWeights<T>& weights, const LeafData& leaf) const {
    Result<T> result = {{}, RecordingSink<T>(graph_)};
    result.loss = lane.Train(leaf, weights.views(), result.sink).value();
    return result;
  }

  // Every gradient within 3e-6 of its own norm or, where it is small, of a thousandth of the whole's.
  void ExpectClose(const Result<float>& actual, const Result<double>& expected) const {
    EXPECT_NEAR(actual.loss.sum, expected.loss.sum, 1e-6 * expected.loss.sum);
    EXPECT_EQ(actual.loss.weight, expected.loss.weight);
    double whole = 0;
    for (const auto& [use, gradient] : expected.sink.gradients) whole = std::hypot(whole, Norm(gradient));
    for (const auto& [use, gradient] : expected.sink.gradients) {
      EXPECT_LE(ErrorNorm(actual.sink.gradients.at(use), gradient), 3e-6 * std::max(Norm(gradient), 1e-3 * whole))
          << graph_.parameter(use.parameter).name;
    }
  }

  const TestGpt gpt_;
  const Graph graph_;
  const std::unique_ptr<CpuDevice> device_ = CpuDevice::Create().value();
  CpuOperatorFactory factory_{device_->level()};
  ReferenceOperatorFactory reference_;
  const TestWeights<float> weights_{graph_};
  const TestWeights<double> reference_weights_{graph_};
  const std::vector<int32_t> tokens_ = HashTokens(1, kSamples * gpt_.context, gpt_.vocabulary);
  const std::vector<int32_t> targets_ = HashTokens(2, kSamples * gpt_.context, gpt_.vocabulary);
};

TEST_F(LaneTest, WholeModelMatchesTheFp64Reference) {
  const auto actual = Train(*MakeLane(factory_), weights_, Leaf(0, kSamples));
  const auto expected = Train(*MakeLane(reference_), reference_weights_, Leaf(0, kSamples));
  ExpectClose(actual, expected);
}

TEST_F(LaneTest, ReferenceMatchesCentralDifferencesThroughTheWholeModel) {
  const auto lane = MakeLane(reference_);
  const auto result = Train(*lane, reference_weights_, Leaf(0, 2));
  for (const ConstView& view : reference_weights_.views()) {
    // The gradient of a tied parameter is the sum over its uses.
    const ParameterId id(static_cast<uint32_t>(&view - reference_weights_.views().data()));
    auto* value = const_cast<double*>(view.as<double>()) + view.size() / 2;
    double exact = 0;
    for (uint32_t use = 0; use < graph_.parameter(id).uses; ++use) {
      exact += result.sink.gradients.at({id, use})[static_cast<size_t>(view.size() / 2)];
    }
    const double before = *value;
    const double step = 1e-5;
    *value = before + step;
    const double above = Train(*lane, reference_weights_, Leaf(0, 2)).loss.sum;
    *value = before - step;
    const double below = Train(*lane, reference_weights_, Leaf(0, 2)).loss.sum;
    *value = before;
    EXPECT_NEAR((above - below) / (2 * step), exact, 1e-6 * (1 + std::fabs(exact))) << graph_.parameter(id).name;
  }
}

TEST_F(LaneTest, PiecesAddUpWhereTheLastIsSmaller) {
  const auto expected = Train(*MakeLane(reference_), reference_weights_, Leaf(0, kSamples));
  for (int64_t micro : {1, 2, 3, 5, 9}) {
    SCOPED_TRACE(micro);
    ExpectClose(Train(*MakeLane(factory_, micro), weights_, Leaf(0, kSamples)), expected);
  }
}

TEST_F(LaneTest, CountsLayersPieceByPiece) {
  const auto lane = MakeLane(factory_, /*micro=*/2);
  const uint64_t layers = graph_.layers.size();
  Train(*lane, weights_, Leaf(0, kSamples));
  EXPECT_EQ(lane->layers_run(), 3 * 2 * layers) << "of three pieces, forward and backward";
  ASSERT_TRUE(lane->Evaluate(Leaf(0, 2), weights_.views()).ok());
  EXPECT_EQ(lane->layers_run(), 7 * layers);
}

TEST_F(LaneTest, DropoutKnowsASampleByItsPlaceInTheBatch) {
  const auto lane = MakeLane(factory_);
  const double whole = Train(*lane, weights_, Leaf(0, kSamples)).loss.sum;
  const double parts =
      Train(*lane, weights_, Leaf(0, 2)).loss.sum + Train(*lane, weights_, Leaf(2, kSamples - 2)).loss.sum;
  EXPECT_NEAR(parts, whole, 1e-6 * whole);
  EXPECT_GT(std::fabs(Train(*lane, weights_, Leaf(0, kSamples, 4)).loss.sum - whole), 1e-3 * whole);
}

TEST_F(LaneTest, BitsDependOnTheLeafAlone) {
  const auto expected = Train(*MakeLane(factory_, 2), weights_, Leaf(0, 3));
  const auto used = MakeLane(factory_, 2);
  Train(*used, weights_, Leaf(3, 2));
  ASSERT_TRUE(used->Evaluate(Leaf(0, kSamples), weights_.views()).ok());
  for (int repeat = 0; repeat < 2; ++repeat) {
    const auto again = Train(*used, weights_, Leaf(0, 3));
    EXPECT_EQ(again.loss, expected.loss);
    EXPECT_EQ(again.sink.gradients, expected.sink.gradients);
  }
}

TEST_F(LaneTest, LanesSideBySideGiveTheSameBits) {
  const auto expected = Train(*MakeLane(factory_), weights_, Leaf(0, kSamples));
  std::vector<Result<float>> results(4, {{}, RecordingSink<float>(graph_)});
  {
    std::vector<std::jthread> threads;
    for (auto& result : results) {
      threads.emplace_back([&] {
        device_->EnterComputeThread();
        for (int repeat = 0; repeat < 5; ++repeat) result = Train(*MakeLane(factory_), weights_, Leaf(0, kSamples));
      });
    }
  }
  for (const auto& result : results) {
    EXPECT_EQ(result.loss, expected.loss);
    EXPECT_EQ(result.sink.gradients, expected.sink.gradients);
  }
}

TEST_F(LaneTest, GradientsLeaveInTheOrderOfBackward) {
  std::vector<ParameterUse> expected;
  for (auto layer = graph_.layers.rbegin(); layer != graph_.layers.rend(); ++layer) {
    expected.insert(expected.end(), layer->parameters.rbegin(), layer->parameters.rend());
  }
  EXPECT_EQ(Train(*MakeLane(factory_, 2), weights_, Leaf(0, kSamples)).sink.completed, expected);
}

TEST_F(LaneTest, RowsWithoutAGradientArePlusZero) {
  const auto result = Train(*MakeLane(factory_), weights_, Leaf(0, 1));
  const std::set<int32_t> seen(tokens_.begin(), tokens_.begin() + gpt_.context);
  const auto& gradient = result.sink.gradients.at({*graph_.FindParameter("wte.weight"), 0});
  for (int32_t token = 0; token < gpt_.vocabulary; ++token) {
    if (seen.contains(token)) continue;
    for (uint32_t i = 0; i < gpt_.width; ++i) {
      EXPECT_EQ(gradient[token * gpt_.width + i], 0);
      EXPECT_FALSE(std::signbit(gradient[token * gpt_.width + i]));
    }
  }
}

TEST_F(LaneTest, FrozenParametersHaveNoGradientAndChangeNoOther) {
  const auto expected = Train(*MakeLane(factory_), weights_, Leaf(0, kSamples));
  Graph graph = graph_;
  for (Parameter& parameter : graph.parameters) {
    if (parameter.name.starts_with("wte") || parameter.name.starts_with("h.0")) parameter.kind = ParameterKind::kFrozen;
  }
  const auto lane = Lane::Create(graph, *device_, factory_, {}).value();
  const auto actual = Train(*lane, weights_, Leaf(0, kSamples));
  EXPECT_EQ(actual.loss, expected.loss);
  for (const auto& [use, gradient] : actual.sink.gradients) {
    if (graph.parameter(use.parameter).kind == ParameterKind::kFrozen) {
      EXPECT_TRUE(std::isnan(gradient[0])) << graph.parameter(use.parameter).name;
    } else {
      EXPECT_EQ(gradient, expected.sink.gradients.at(use)) << graph.parameter(use.parameter).name;
    }
  }
}

TEST_F(LaneTest, EvaluatesWithoutDropout) {
  const auto lane = MakeLane(factory_, 2);
  const LeafLoss loss = lane->Evaluate(Leaf(0, kSamples), weights_.views()).value();
  const LeafLoss expected =
      MakeLane(reference_)->Evaluate(Leaf(0, kSamples), reference_weights_.views()).value();
  EXPECT_NEAR(loss.sum, expected.sum, 1e-6 * expected.sum);
  EXPECT_EQ(loss.weight, expected.weight);
  EXPECT_EQ(lane->Evaluate(Leaf(0, kSamples, 4), weights_.views()).value(), loss);
}

TEST_F(LaneTest, PredictsTheLogitsThatTheLossIsOf) {
  const auto lane = MakeLane(factory_);
  const LeafData leaf = Leaf(0, 1);
  const ConstView logits = lane->Predict(leaf.input, 1, weights_.views()).value();
  ASSERT_EQ(logits.size(), gpt_.context * gpt_.vocabulary);
  double sum = 0;
  for (uint32_t row = 0; row < gpt_.context; ++row) {
    const float* x = logits.as<float>() + row * gpt_.vocabulary;
    double powers = 0;
    for (int64_t c = 0; c < gpt_.vocabulary; ++c) powers += std::exp(double{x[c]});
    sum += std::log(powers) - x[targets_[row]];
  }
  EXPECT_NEAR(sum, lane->Evaluate(leaf, weights_.views()).value().sum, 1e-5);
}

TEST_F(LaneTest, WhatStandsBehindAPositionDoesNotChangeIt) {
  const auto lane = MakeLane(factory_);
  std::vector<int32_t> text(tokens_.begin(), tokens_.begin() + gpt_.context);
  const auto predict = [&] {
    const ConstView logits = lane->Predict(ViewOf(std::as_const(text).data(), gpt_.context), 1, weights_.views()).value();
    return std::vector<float>(logits.as<float>(), logits.as<float>() + 4 * gpt_.vocabulary);
  };
  const std::vector<float> before = predict();
  for (size_t i = 4; i < text.size(); ++i) text[i] = (text[i] + 1) % static_cast<int32_t>(gpt_.vocabulary);
  EXPECT_EQ(predict(), before);
  text[3] = (text[3] + 1) % static_cast<int32_t>(gpt_.vocabulary);
  EXPECT_NE(predict(), before);
}

}  // namespace
}  // namespace banyan::worker
