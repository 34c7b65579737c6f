#include "common/model/describe_layer.h"

#include <cmath>

#include "gtest/gtest.h"

namespace banyan {
namespace {

Tensor Real(Shape shape) { return {.name = "x", .element = ElementKind::kReal, .shape = std::move(shape)}; }
Tensor Index(Shape shape) { return {.name = "i", .element = ElementKind::kIndex, .shape = std::move(shape)}; }

LayerDescription Describe(const LayerAttributes& attributes, const std::vector<Tensor>& inputs) {
  absl::StatusOr<LayerDescription> layer = DescribeLayer(attributes, inputs);
  EXPECT_TRUE(layer.ok()) << layer.status();
  return layer.ok() ? *layer : LayerDescription();
}

std::string Error(const LayerAttributes& attributes, const std::vector<Tensor>& inputs) {
  return std::string(DescribeLayer(attributes, inputs).status().message());
}

TEST(DescribeLayerTest, LinearMapsTheLastDimension) {
  const LayerDescription layer = Describe(LinearAttributes{.units = 7}, {Real({5, 3})});
  EXPECT_EQ(layer.outputs, std::vector<Shape>({{5, 7}}));
  ASSERT_EQ(layer.parameters.size(), 2u);
  EXPECT_EQ(layer.parameters[0].suffix, "weight");
  EXPECT_EQ(layer.parameters[0].shape, Shape({7, 3}));
  EXPECT_EQ(layer.parameters[0].role, ParameterRole::kWeight);
  EXPECT_EQ(std::get<UniformInitializer>(layer.parameters[0].initializer).limit, 1 / std::sqrt(3.0));
  EXPECT_EQ(layer.parameters[1].shape, Shape({7}));
  EXPECT_EQ(layer.parameters[1].role, ParameterRole::kBias);
  EXPECT_EQ(layer.cost.forward_flops, 2 * 5 * 3 * 7);
  EXPECT_EQ(layer.cost.backward_flops, 2 * 2 * 5 * 3 * 7);
  EXPECT_EQ(layer.cost.activation_elements, 5 * 3 + 5 * 7);
  EXPECT_EQ(layer.cost.parameter_elements, 7 * 3 + 7);
  EXPECT_EQ(layer.splits, std::vector<Split>({Split::kColumns, Split::kRows}));
}

TEST(DescribeLayerTest, LinearLayoutAndBiasAreChoices) {
  const LinearAttributes linear{.units = 7, .bias = false, .weight_layout = WeightLayout::kInOut};
  const LayerDescription layer = Describe(linear, {Real({3})});
  ASSERT_EQ(layer.parameters.size(), 1u);
  EXPECT_EQ(layer.parameters[0].shape, Shape({3, 7}));
}

TEST(DescribeLayerTest, EmbeddingAddsWidth) {
  const LayerDescription layer = Describe(EmbeddingAttributes{.vocabulary = 11, .width = 4}, {Index({6})});
  EXPECT_EQ(layer.outputs, std::vector<Shape>({{6, 4}}));
  EXPECT_EQ(layer.parameters[0].shape, Shape({11, 4}));
  EXPECT_EQ(layer.parameters[1].shape, Shape({6, 4}));
  EXPECT_EQ(layer.parameters[1].role, ParameterRole::kEmbedding);
}

TEST(DescribeLayerTest, AttentionReadsFusedQkv) {
  const LayerDescription layer = Describe(CausalSelfAttentionAttributes{.heads = 2}, {Real({6, 12})});
  EXPECT_EQ(layer.outputs, std::vector<Shape>({{6, 4}}));
  EXPECT_TRUE(layer.parameters.empty());
  EXPECT_EQ(layer.cost.forward_flops, 2 * (2 * 6 * 6 * 4));
  EXPECT_EQ(layer.splits, std::vector<Split>({Split::kHeads}));
}

TEST(DescribeLayerTest, NormAndElementwiseKeepTheShape) {
  const std::vector<Tensor> x = {Real({5, 3})};
  EXPECT_EQ(Describe(LayerNormAttributes{}, x).outputs[0], Shape({5, 3}));
  EXPECT_EQ(Describe(LayerNormAttributes{}, x).parameters[1].shape, Shape({3}));
  EXPECT_EQ(Describe(LayerNormAttributes{}, x).parameters[1].role, ParameterRole::kNorm);
  EXPECT_EQ(Describe(DropoutAttributes{.rate = 0.5}, x).outputs[0], Shape({5, 3}));
  EXPECT_EQ(Describe(ActivationAttributes{Activation::kTanh}, x).outputs[0], Shape({5, 3}));
  EXPECT_EQ(Describe(AddAttributes{}, {x[0], x[0]}).outputs[0], Shape({5, 3}));
}

TEST(DescribeLayerTest, LossesHaveNoOutput) {
  EXPECT_TRUE(Describe(CrossEntropyAttributes{}, {Real({6, 11}), Index({6})}).outputs.empty());
  EXPECT_TRUE(Describe(CrossEntropyAttributes{}, {Real({11}), Index({1})}).outputs.empty());
  EXPECT_TRUE(Describe(MeanSquaredErrorAttributes{}, {Real({2}), Real({2})}).outputs.empty());
}

TEST(DescribeLayerTest, RefusesWithTypeAndShapes) {
  EXPECT_EQ(Error(LinearAttributes{.units = 0}, {Real({3})}), "linear: 0 units, expected at least 1");
  EXPECT_EQ(Error(LinearAttributes{.units = 1}, {Index({3})}), "linear: input 'i' holds indices, expected numbers");
  EXPECT_EQ(Error(LinearAttributes{.units = 1}, {Real({})}),
            "linear: input 'x' has no dimension, expected at least one");
  EXPECT_EQ(Error(EmbeddingAttributes{.vocabulary = 0, .width = 4}, {Index({3})}),
            "embedding: table of [0, 4], expected at least [1, 1]");
  EXPECT_EQ(Error(EmbeddingAttributes{.vocabulary = 2, .width = 4}, {Index({3, 3})}),
            "embedding: input [3, 3], expected [context]");
  EXPECT_EQ(Error(EmbeddingAttributes{.vocabulary = 2, .width = 4}, {Real({3})}),
            "embedding: input 'x' holds numbers, expected indices");
  EXPECT_EQ(Error(LayerNormAttributes{.epsilon = 0}, {Real({3})}), "layer_norm: epsilon 0, expected more than 0");
  EXPECT_EQ(Error(CausalSelfAttentionAttributes{.heads = 1}, {Real({3, 4})}),
            "causal_self_attention: input [3, 4], expected [context, 3 * width]");
  EXPECT_EQ(Error(CausalSelfAttentionAttributes{.heads = 5}, {Real({3, 384})}),
            "causal_self_attention: 5 heads do not divide width 128");
  EXPECT_EQ(Error(CausalSelfAttentionAttributes{.heads = 1, .dropout = 1}, {Real({3, 3})}),
            "causal_self_attention: dropout rate 1, expected at least 0 and less than 1");
  EXPECT_EQ(Error(DropoutAttributes{.rate = -1}, {Real({3})}),
            "dropout: dropout rate -1, expected at least 0 and less than 1");
  EXPECT_EQ(Error(AddAttributes{}, {Real({3}), Real({4})}), "add: inputs [3] and [4], expected one shape");
  EXPECT_EQ(Error(AddAttributes{}, {Real({3})}), "add: 1 inputs, expected 2");
  EXPECT_EQ(Error(ActivationAttributes{Activation::kGeluTanh}, {Real({3}), Real({3})}), "gelu: 2 inputs, expected 1");
  EXPECT_EQ(Error(CrossEntropyAttributes{}, {Real({6, 11}), Index({5})}),
            "cross_entropy: logits [6, 11] need 6 targets a sample, the data has 5");
  EXPECT_EQ(Error(CrossEntropyAttributes{}, {Real({6, 11}), Real({6})}),
            "cross_entropy: input 'x' holds numbers, expected indices");
  EXPECT_EQ(Error(MeanSquaredErrorAttributes{}, {Real({2}), Real({1})}),
            "mean_squared_error: prediction [2] and targets [1], expected one shape");
}

}  // namespace
}  // namespace banyan
