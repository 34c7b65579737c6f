#include "common/job/decay.h"

#include "gtest/gtest.h"

namespace banyan {
namespace {

Graph Parameters() {
  Graph graph;
  const auto add = [&](const char* name, ParameterRole role) {
    graph.parameters.push_back({.name = name, .shape = {1}, .role = role, .initializer = {}, .uses = 1});
  };
  add("wte.weight", ParameterRole::kEmbedding);
  add("h.0.attn.c_attn.weight", ParameterRole::kWeight);
  add("h.0.attn.c_attn.bias", ParameterRole::kBias);
  add("ln_f.weight", ParameterRole::kNorm);
  add("ln_f.bias", ParameterRole::kNorm);
  return graph;
}

std::vector<bool> Flags(const std::vector<std::string>& no_decay) {
  absl::StatusOr<std::vector<bool>> flags = DecayFlags(Parameters(), no_decay, "path");
  EXPECT_TRUE(flags.ok()) << flags.status();
  return flags.ok() ? *flags : std::vector<bool>();
}

TEST(DecayTest, EmptyListDecaysAll) { EXPECT_EQ(Flags({}), std::vector<bool>({1, 1, 1, 1, 1})); }

TEST(DecayTest, RolesExcludeTheirParameters) {
  EXPECT_EQ(Flags({"bias"}), std::vector<bool>({1, 1, 0, 1, 1}));
  EXPECT_EQ(Flags({"norm"}), std::vector<bool>({1, 1, 1, 0, 0}));
  EXPECT_EQ(Flags({"bias", "norm", "embedding"}), std::vector<bool>({0, 1, 0, 0, 0}));
}

TEST(DecayTest, PatternsMatchTheWholeName) {
  EXPECT_EQ(Flags({"*.bias"}), std::vector<bool>({1, 1, 0, 1, 0}));
  EXPECT_EQ(Flags({"h.*.c_attn.*"}), std::vector<bool>({1, 0, 0, 1, 1}));
  EXPECT_EQ(Flags({"wte.weight"}), std::vector<bool>({0, 1, 1, 1, 1}));
  EXPECT_EQ(Flags({"*t*t*t"}), std::vector<bool>({1, 0, 1, 1, 1}));
  EXPECT_EQ(Flags({"**"}), std::vector<bool>({0, 0, 0, 0, 0}));
}

TEST(DecayTest, RefusesPatternThatMatchesNothing) {
  for (const char* pattern : {"biases", "ln_f", "weight", "*.c_attn", "h.0.*.weight.*", ""}) {
    EXPECT_EQ(DecayFlags(Parameters(), std::vector<std::string>{"bias", pattern}, "path").status().message(),
              "path[1]: '" + std::string(pattern) +
                  "' is no role (bias, norm, embedding) and matches no parameter, such as 'wte.weight'");
  }
}

TEST(DecayTest, RoleWithoutParametersIsFine) {
  Graph graph = Parameters();
  graph.parameters.resize(1);
  EXPECT_TRUE(DecayFlags(graph, std::vector<std::string>{"norm"}, "path").ok());
}

}  // namespace
}  // namespace banyan
