#include "common/model/graph_builder.h"

#include "gtest/gtest.h"

namespace banyan {
namespace {

GraphBuilder Regression() {
  return GraphBuilder({.name = "features", .element = ElementKind::kReal, .shape = {4}},
                      {.name = "targets", .element = ElementKind::kReal, .shape = {4}});
}

const LinearAttributes kSquare{.units = 4, .bias = false};

TEST(GraphBuilderTest, NumbersUsesInLayerOrder) {
  GraphBuilder builder = Regression();
  const TensorId a = builder.Add("a", kSquare, {builder.input()}, {{"w", ConstantInitializer{3}}}).value();
  const TensorId b = builder.Add("b", LinearAttributes{.units = 4}, {a}).value();
  const TensorId c = builder.Add("c", kSquare, {b}, {{"w", ConstantInitializer{5}}}).value();
  const Graph graph = std::move(builder).Finish("loss", MeanSquaredErrorAttributes(), c).value();

  const ParameterId w = graph.FindParameter("w").value();
  EXPECT_EQ(graph.layers[0].parameters, std::vector<ParameterUse>({{w, 0}}));
  EXPECT_EQ(graph.layers[2].parameters, std::vector<ParameterUse>({{w, 1}}));
  EXPECT_EQ(graph.parameter(w).uses, 2u);
  EXPECT_EQ(std::get<ConstantInitializer>(graph.parameter(w).initializer).value, 3);  // the first use decides
  EXPECT_EQ(graph.parameter(*graph.FindParameter("b.bias")).uses, 1u);
  EXPECT_EQ(graph.parameter_elements(), 4 * 4 + 4 * 4 + 4);
  EXPECT_EQ(graph.FindParameter("c.weight"), std::nullopt);
}

TEST(GraphBuilderTest, LossIsTheLastLayer) {
  GraphBuilder builder = Regression();
  const TensorId a = builder.Add("a", kSquare, {builder.input()}).value();
  const Graph graph = std::move(builder).Finish("loss", MeanSquaredErrorAttributes(), a).value();
  EXPECT_EQ(graph.loss, LayerId(1));
  EXPECT_EQ(graph.prediction, a);
  EXPECT_EQ(graph.layer(graph.loss).inputs, std::vector<TensorId>({a, graph.targets}));
  EXPECT_TRUE(graph.layer(graph.loss).outputs.empty());
  EXPECT_EQ(graph.tensor(a).name, "a");
}

TEST(GraphBuilderTest, RefusesLossInTheMiddleAndMissingLoss) {
  GraphBuilder builder = Regression();
  EXPECT_EQ(builder.Add("a", MeanSquaredErrorAttributes(), {builder.input()}).status().message(),
            "mean_squared_error: a loss must be the last layer");
  EXPECT_EQ(std::move(builder).Finish("b", AddAttributes(), builder.input()).status().message(),
            "add: the last layer must be a loss: mean_squared_error or cross_entropy");
}

TEST(GraphBuilderTest, RefusesTakenNames) {
  GraphBuilder builder = Regression();
  ASSERT_TRUE(builder.Add("a", kSquare, {builder.input()}).ok());
  for (const char* name : {"a", "features", "targets"}) {
    EXPECT_EQ(builder.Add(name, kSquare, {builder.input()}).status().message(),
              "the name '" + std::string(name) + "' is taken; names of layers are unique");
  }
}

TEST(GraphBuilderTest, RefusesOutputThatNobodyReads) {
  GraphBuilder builder = Regression();
  ASSERT_TRUE(builder.Add("a", kSquare, {builder.input()}).ok());
  EXPECT_EQ(std::move(builder).Finish("loss", MeanSquaredErrorAttributes(), builder.input()).status().message(),
            "no layer reads 'a'; remove it or name it in a layer's inputs");
}

TEST(GraphBuilderTest, RefusesTiedParameterOfAnotherShape) {
  GraphBuilder builder = Regression();
  ASSERT_TRUE(builder.Add("a", kSquare, {builder.input()}, {{"w", {}}}).ok());
  const LinearAttributes wider{.units = 5, .bias = false};
  EXPECT_EQ(builder.Add("b", wider, {builder.input()}, {{"w", {}}}).status().message(),
            "parameter 'w' has shape [4, 4], its further use needs [5, 4]");
}

}  // namespace
}  // namespace banyan
