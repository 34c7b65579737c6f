#include "common/config/diagnostic.h"

#include <set>

#include "gtest/gtest.h"

namespace banyan::config {
namespace {

TEST(DiagnosticsTest, LooksLikeACompilers) {
  Diagnostics diagnostics;
  const int source = diagnostics.AddSource("job.yaml", "a: 1\r\n  b\xc3\xbc\t: x\n");
  diagnostics.Add({Code::kUnknownField, {source, 2, 6}, "", "unknown field 'x'", "a or b"});
  EXPECT_EQ(diagnostics.Format(),
            "job.yaml:2:6: error: unknown field 'x' [unknown-field]\n"
            "    2 |   b\xc3\xbc : x\n"
            "      |     ^\n"
            "      = expected a or b\n");
}

TEST(DiagnosticsTest, NamesThePathWhereThePlaceIsUnknown) {
  Diagnostics diagnostics;
  diagnostics.Add({Code::kOutOfRange, {}, "recipe.batch.leaf", "leaf is 0", ""});
  EXPECT_EQ(diagnostics.Format(), "recipe.batch.leaf: error: leaf is 0 [out-of-range]\n");
  EXPECT_EQ(diagnostics.ToStatus().code(), absl::StatusCode::kInvalidArgument);
}

TEST(DiagnosticsTest, SortsByPlaceAndCountsTheRest) {
  Diagnostics diagnostics;
  const int source = diagnostics.AddSource("j", "");
  for (int line = 2000; line > 0; --line) diagnostics.Add({Code::kBadValue, {source, line, 1}, "", "m", ""});
  EXPECT_EQ(diagnostics.size(), 2000u);
  const std::vector<Diagnostic> sorted = diagnostics.Sorted();
  EXPECT_LT(sorted[0].where.line, sorted[1].where.line);
  EXPECT_TRUE(diagnostics.Format().ends_with("... and 1950 more errors\n"));
}

TEST(DiagnosticsTest, PassesNoControlCharactersOn) {
  Diagnostics diagnostics;
  const int source = diagnostics.AddSource("j\x1b[2J", "evil: \x1b[2J");
  diagnostics.Add({Code::kBadValue, {source, 1, 7}, "", "'\x1b[2J' is bad", "x\x1by"});
  EXPECT_EQ(diagnostics.Format().find('\x1b'), std::string::npos);
}

TEST(DiagnosticsTest, CutsLongLinesAroundTheCaret) {
  Diagnostics diagnostics;
  const int source = diagnostics.AddSource("j", std::string(100'000, 'x') + "HERE" + std::string(100'000, 'y'));
  diagnostics.Add({Code::kBadValue, {source, 1, 100'001}, "", "m", ""});
  const std::string text = diagnostics.Format();
  EXPECT_LT(text.size(), 400u);
  EXPECT_NE(text.find("xHERE"), std::string::npos);
}

TEST(DiagnosticsTest, CodesHaveNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for (const CodeInfo& info : AllCodes()) {
    EXPECT_EQ(CodeName(info.code), info.name);
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
  }
}

TEST(DidYouMeanTest, KnowsSlipsFromOtherWords) {
  const std::vector<std::string> names = {"learning_rate", "betas", "epsilon"};
  EXPECT_EQ(DidYouMean("leraning_rate", names), "; did you mean 'learning_rate'?");
  EXPECT_EQ(DidYouMean("beta", names), "; did you mean 'betas'?");
  EXPECT_EQ(DidYouMean("momentum", names), "");
  EXPECT_EQ(DidYouMean("", names), "");
}

}  // namespace
}  // namespace banyan::config
