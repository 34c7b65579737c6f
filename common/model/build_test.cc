#include "common/model/build.h"

#include <cmath>
#include <map>
#include <string>

#include "common/base/check.h"
#include "common/model/describe_layer.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "proto/job.pb.h"

namespace banyan {
namespace {

const DataFacts kBytes{.vocabulary = 256};
const DataFacts kTable{.features = 3, .targets = 1};

v1::Model Parse(const std::string& text) {
  v1::Model model;
  CHECK(google::protobuf::TextFormat::ParseFromString(text, &model));
  return model;
}

Graph Build(const std::string& text, const DataFacts& data) {
  absl::StatusOr<Graph> graph = BuildGraph(Parse(text), data);
  EXPECT_TRUE(graph.ok()) << graph.status();
  return graph.ok() ? *std::move(graph) : Graph();
}

std::string Error(const std::string& text, const DataFacts& data) {
  return std::string(BuildGraph(Parse(text), data).status().message());
}

constexpr char kGpt2Small[] =
    "gpt { layers: 12 heads: 12 width: 768 context: 1024 dropout: 0.1 vocabulary: 50257 }";

TEST(BuildTest, Gpt2SmallHasItsPublishedSize) {
  const Graph graph = Build(kGpt2Small, kBytes);
  EXPECT_EQ(graph.parameter_elements(), 124439808);
  EXPECT_EQ(graph.parameters.size(), 148u);
}

// 6 operations a weight of a matrix and token, and 12 * layers * width * context for attention (Chowdhery et al. 2022,
// "PaLM", appendix B).
TEST(BuildTest, Gpt2SmallHasThePublishedFlops) {
  const Graph graph = Build(kGpt2Small, kBytes);
  const LayerCost cost = TotalCost(graph);
  const double matrices = 12.0 * 12 * 768 * 768 + 50257.0 * 768;
  EXPECT_EQ(cost.forward_flops + cost.backward_flops, 1024 * (6 * matrices + 12.0 * 12 * 768 * 1024));
}

TEST(BuildTest, GptParametersAreThoseOfHuggingFace) {
  const Graph graph = Build("gpt { layers: 1 heads: 2 width: 8 context: 16 dropout: 0 }", kBytes);
  std::map<std::string, std::string> shapes;
  for (const Parameter& parameter : graph.parameters) shapes[parameter.name] = ShapeText(parameter.shape);
  // model.safetensors of GPT2LMHeadModel(n_layer=1, n_head=2, n_embd=8, n_positions=16, vocab_size=256).
  EXPECT_EQ(shapes, (std::map<std::string, std::string>{{"h.0.attn.c_attn.bias", "[24]"},
                                                        {"h.0.attn.c_attn.weight", "[8, 24]"},
                                                        {"h.0.attn.c_proj.bias", "[8]"},
                                                        {"h.0.attn.c_proj.weight", "[8, 8]"},
                                                        {"h.0.ln_1.bias", "[8]"},
                                                        {"h.0.ln_1.weight", "[8]"},
                                                        {"h.0.ln_2.bias", "[8]"},
                                                        {"h.0.ln_2.weight", "[8]"},
                                                        {"h.0.mlp.c_fc.bias", "[32]"},
                                                        {"h.0.mlp.c_fc.weight", "[8, 32]"},
                                                        {"h.0.mlp.c_proj.bias", "[8]"},
                                                        {"h.0.mlp.c_proj.weight", "[32, 8]"},
                                                        {"ln_f.bias", "[8]"},
                                                        {"ln_f.weight", "[8]"},
                                                        {"wpe.weight", "[16, 8]"},
                                                        {"wte.weight", "[256, 8]"}}));
}

TEST(BuildTest, GptTiesTheTokenTable) {
  const Graph graph = Build("gpt { layers: 2 heads: 2 width: 8 context: 16 dropout: 0 }", kBytes);
  const ParameterId wte = graph.FindParameter("wte.weight").value();
  EXPECT_EQ(graph.parameter(wte).uses, 2u);
  EXPECT_EQ(graph.layers.front().parameters[0], (ParameterUse{wte, 0}));
  EXPECT_EQ(graph.layers[graph.layers.size() - 2].parameters, std::vector<ParameterUse>({{wte, 1}}));
  EXPECT_EQ(graph.tensor(graph.prediction).shape, Shape({16, 256}));
}

TEST(BuildTest, GptBlockStandsInOrder) {
  const Graph graph = Build("gpt { layers: 1 heads: 2 width: 8 context: 16 dropout: 0 }", kBytes);
  std::vector<std::string> names;
  for (const Layer& layer : graph.layers) names.push_back(layer.name);
  EXPECT_EQ(names, std::vector<std::string>({"embedding", "h.0.ln_1", "h.0.attn.c_attn", "h.0.attn", "h.0.attn.c_proj",
                                             "h.0.attn.add", "h.0.ln_2", "h.0.mlp.c_fc", "h.0.mlp.c_proj",
                                             "h.0.mlp.add", "ln_f", "lm_head", "loss"}));
  EXPECT_EQ(graph.layers[5].inputs, std::vector<TensorId>({graph.layers[0].outputs[0], graph.layers[4].outputs[0]}));
  EXPECT_EQ(graph.layers[9].inputs, std::vector<TensorId>({graph.layers[5].outputs[0], graph.layers[8].outputs[0]}));
  EXPECT_EQ(std::get<LinearAttributes>(graph.layers[7].attributes).activation, Activation::kGeluTanh);
}

TEST(BuildTest, GptInitialisesAsGpt2) {
  const Graph graph = Build("gpt { layers: 8 heads: 2 width: 8 context: 16 dropout: 0 }", kBytes);
  const auto initializer = [&](const char* name) { return graph.parameter(*graph.FindParameter(name)).initializer; };
  for (const char* name : {"wte.weight", "wpe.weight", "h.3.attn.c_attn.weight", "h.3.mlp.c_fc.weight"}) {
    EXPECT_EQ(std::get<NormalInitializer>(initializer(name)).stddev, 0.02) << name;
  }
  for (const char* name : {"h.3.attn.c_proj.weight", "h.3.mlp.c_proj.weight"}) {
    EXPECT_EQ(std::get<NormalInitializer>(initializer(name)).stddev, 0.02 / 4) << name;
  }
  EXPECT_EQ(std::get<ConstantInitializer>(initializer("h.3.attn.c_proj.bias")).value, 0);
  EXPECT_EQ(std::get<ConstantInitializer>(initializer("ln_f.weight")).value, 1);
  EXPECT_EQ(std::get<ConstantInitializer>(initializer("ln_f.bias")).value, 0);
}

TEST(BuildTest, GptDropsInFourPlaces) {
  const Graph graph = Build("gpt { layers: 1 heads: 2 width: 8 context: 16 dropout: 0.25 }", kBytes);
  std::vector<std::string> names;
  for (const Layer& layer : graph.layers) {
    if (std::holds_alternative<DropoutAttributes>(layer.attributes)) names.push_back(layer.name);
    const auto* attention = std::get_if<CausalSelfAttentionAttributes>(&layer.attributes);
    if (attention != nullptr && attention->dropout == 0.25) names.push_back(layer.name);
  }
  EXPECT_EQ(names, std::vector<std::string>({"drop", "h.0.attn", "h.0.attn.resid_dropout", "h.0.mlp.dropout"}));
}

TEST(BuildTest, GptVocabularyMayBePadded) {
  const std::string gpt = "gpt { layers: 1 heads: 2 width: 8 context: 16 dropout: 0 ";
  const Graph graph = Build(gpt + "vocabulary: 320 }", kBytes);
  EXPECT_EQ(graph.parameter(*graph.FindParameter("wte.weight")).shape, Shape({320, 8}));
  EXPECT_EQ(Error(gpt + "vocabulary: 255 }", kBytes),
            "recipe.model.gpt.vocabulary: 255, the data's tokenizer needs at least 256");
}

TEST(BuildTest, GptRefusals) {
  EXPECT_EQ(Error("gpt { layers: 4 heads: 5 width: 128 context: 64 dropout: 0 }", kBytes),
            "recipe.model.gpt.heads: 5 does not divide width 128");
  EXPECT_EQ(Error("gpt { layers: 4 heads: 4 width: 128 context: 64 dropout: 0 }", kTable),
            "recipe.model.gpt: gpt reads text, the data has none; use recipe.data.text");
  EXPECT_EQ(Error("", kBytes), "recipe.model: no model, expected one of linear, gpt, layers");
}

TEST(BuildTest, LinearIsTorchLinear) {
  const Graph graph = Build("linear { outputs: 2 bias: true }", {.features = 3, .targets = 2});
  ASSERT_EQ(graph.parameters.size(), 2u);
  EXPECT_EQ(graph.parameters[0].name, "linear.weight");
  EXPECT_EQ(graph.parameters[0].shape, Shape({2, 3}));
  EXPECT_EQ(graph.parameters[1].name, "linear.bias");
  EXPECT_EQ(std::get<UniformInitializer>(graph.parameters[1].initializer).limit, 1 / std::sqrt(3.0));
  EXPECT_EQ(Build("linear { outputs: 1 bias: false }", kTable).parameters.size(), 1u);
}

TEST(BuildTest, LinearRefusals) {
  EXPECT_EQ(Error("linear { outputs: 2 bias: true }", kTable),
            "recipe.model.linear.outputs: 2, the data has 1 targets a sample");
  EXPECT_EQ(Error("linear { outputs: 1 bias: true }", kBytes),
            "recipe.model.linear: linear reads features, the data has none; use recipe.data.table or "
            "synthetic_regression");
}

std::string Linear(const std::string& units, const std::string& more = "") {
  return "layer { linear { units: " + units + " bias: true } " + more + "} ";
}
std::string Layers(const std::string& layers) { return "layers { " + layers + "}"; }
constexpr char kLoss[] = "layer { mean_squared_error {} } ";

TEST(BuildTest, LayerListChainsAndNamesByPosition) {
  const Graph graph = Build(Layers(Linear("4") + "layer { relu {} } " + Linear("1") + kLoss), kTable);
  std::vector<std::string> names;
  for (const Layer& layer : graph.layers) names.push_back(layer.name);
  EXPECT_EQ(names, std::vector<std::string>({"linear0", "relu1", "linear2", "mean_squared_error3"}));
  EXPECT_EQ(graph.parameters[2].name, "linear2.weight");
  EXPECT_EQ(graph.parameters[2].shape, Shape({1, 4}));
}

TEST(BuildTest, LayerListBranchesByName) {
  const Graph graph = Build(
      Layers(Linear("3", "name: 'up'") + "layer { gelu {} } " + "layer { add {} inputs: 'gelu1' inputs: 'features' } " +
             "layer { layer_norm { epsilon: 1e-6 } } layer { dropout { rate: 0.5 } } " + Linear("1") + kLoss),
      kTable);
  EXPECT_EQ(graph.layers[2].inputs, std::vector<TensorId>({graph.layers[1].outputs[0], graph.input}));
  EXPECT_EQ(std::get<LayerNormAttributes>(graph.layers[3].attributes).epsilon, 1e-6);
}

TEST(BuildTest, LayerListClassifies) {
  const Graph graph = Build(Layers(Linear("10") + "layer { cross_entropy {} }"), kTable);
  EXPECT_EQ(graph.tensor(graph.targets).element, ElementKind::kIndex);
}

TEST(BuildTest, LayerListRefusals) {
  EXPECT_EQ(Error(Layers(Linear("2") + kLoss), kTable),
            "recipe.model.layers[1]: mean_squared_error: prediction [2] and targets [1], expected one shape");
  EXPECT_EQ(Error(Layers(kLoss + Linear("1")), kTable),
            "recipe.model.layers[0]: mean_squared_error: a loss must be the last layer");
  EXPECT_EQ(Error(Layers(Linear("1")), kTable),
            "recipe.model.layers[0]: linear: the last layer must be a loss: mean_squared_error or cross_entropy");
  EXPECT_EQ(Error(Layers("layer { tanh {} inputs: 'later' } " + std::string(kLoss)), kTable),
            "recipe.model.layers[0]: inputs: no layer 'later' before this one; name an earlier layer or 'features'");
  EXPECT_EQ(Error(Layers("layer { name: 'x' } " + std::string(kLoss)), kTable),
            "recipe.model.layers[0]: no type, expected one such as linear or relu");
  EXPECT_EQ(Error(Layers(Linear("1", "name: 'targets'") + kLoss), kTable),
            "recipe.model.layers[0]: the name 'targets' is taken; names of layers are unique");
  EXPECT_EQ(Error(Layers(Linear("1") + Linear("1", "inputs: 'features'") + kLoss), kTable),
            "recipe.model.layers[2]: no layer reads 'linear0'; remove it or name it in a layer's inputs");
  EXPECT_EQ(Error(Layers(Linear("2") + "layer { cross_entropy {} }"), {.features = 3, .targets = 2}),
            "recipe.model.layers[1]: cross_entropy: logits [2] need 1 targets a sample, the data has 2");
  EXPECT_EQ(Error(Layers(Linear("1") + "layer { mean_squared_error {} inputs: 'linear0' inputs: 'features' }"), kTable),
            "recipe.model.layers[1]: mean_squared_error: 2 inputs, expected 1 beside the data's targets");
  EXPECT_EQ(Error(Layers(kLoss), kBytes),
            "recipe.model.layers: the list reads features, the data has none; use recipe.data.table or "
            "synthetic_regression, or recipe.model.gpt for text");
  EXPECT_EQ(Error(Layers(""), kTable), "recipe.model.layers: no layers, expected at least one");
}

}  // namespace
}  // namespace banyan
