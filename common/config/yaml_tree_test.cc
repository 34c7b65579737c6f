#include "common/config/yaml_tree.h"

#include <string>

#include "gtest/gtest.h"

namespace banyan::config {
namespace {

// "line:column code" of the first thing that is wrong.
std::string Refusal(const std::string& text) {
  Diagnostics diagnostics;
  const std::optional<Node> node = ParseYaml(text, {0, 1, 1}, &diagnostics);
  EXPECT_EQ(node.has_value(), diagnostics.empty());
  if (diagnostics.empty()) return "";
  const Diagnostic first = diagnostics.Sorted()[0];
  return std::to_string(first.where.line) + ":" + std::to_string(first.where.column) + " " +
         std::string(CodeName(first.code));
}

TEST(ParseYamlTest, KeepsPlacesAndLeavesTypesAlone) {
  Diagnostics diagnostics;
  const std::optional<Node> node = ParseYaml("a: no\nb: [1_0, null, ~]\nc:\n", {0, 1, 1}, &diagnostics);
  ASSERT_TRUE(node.has_value());
  ASSERT_EQ(node->items.size(), 3u);
  EXPECT_EQ(node->items[0].text, "no");
  EXPECT_EQ(node->items[1].key, "b");
  EXPECT_EQ(node->items[1].items[0].text, "1_0");
  EXPECT_EQ(node->items[1].items[1].text, "null");
  EXPECT_EQ(node->items[1].items[2].text, "~");
  EXPECT_EQ(node->items[1].items[0].where.line, 2);
  EXPECT_EQ(node->items[1].items[0].where.column, 5);
  EXPECT_EQ(node->items[2].kind, Node::Kind::kNull);
  EXPECT_EQ(node->items[2].where.line, 3);
}

TEST(ParseYamlTest, RefusesWhatJobFilesDoNotUse) {
  EXPECT_EQ(Refusal("a: 1\nb: 2\na: 3\n"), "3:1 duplicate-key");
  EXPECT_EQ(Refusal("{a: 1, 'a': 2}"), "1:8 duplicate-key");
  EXPECT_EQ(Refusal("a: &x 1\n"), "1:4 anchor");
  EXPECT_EQ(Refusal("a: &x 1\nb: *x\n"), "1:4 anchor");
  EXPECT_EQ(Refusal("a: !!str x\n"), "1:4 tag");
  EXPECT_EQ(Refusal("a: 1\n---\nb: 2\n"), "2:1 several-documents");
  EXPECT_EQ(Refusal("[a]: 1\n"), "1:1 syntax");
}

TEST(ParseYamlTest, RefusesWhatIsNoYaml) {
  EXPECT_EQ(Refusal(""), "1:1 syntax");
  EXPECT_EQ(Refusal("a: [1,\n"), "2:1 syntax");
  EXPECT_EQ(Refusal("a:\n\tb: 1\n"), "2:3 syntax");
  EXPECT_EQ(Refusal("a: b: c\n"), "1:5 syntax");
  EXPECT_EQ(Refusal("a: \xff\n"), "1:4 not-utf8");
  EXPECT_EQ(Refusal("a: \xed\xa0\x80\n"), "1:4 not-utf8");
  EXPECT_EQ(Refusal(std::string("a: \0", 4)), "1:4 not-utf8");
}

TEST(ParseYamlTest, LimitsSizeAndDepthWhileParsing) {
  EXPECT_EQ(Refusal(std::string(kMaxDepth, '[') + std::string(kMaxDepth, ']')), "");
  EXPECT_EQ(Refusal(std::string(kMaxDepth + 1, '[') + std::string(kMaxDepth + 1, ']')), "1:101 too-deep");
  // Brackets that never close are taken for keys, two levels each.
  EXPECT_EQ(Refusal(std::string(1 << 20, '[')), "1:51 too-deep");
  EXPECT_EQ(Refusal("#" + std::string(kMaxFileBytes, 'x')), "0:0 too-large");
}

}  // namespace
}  // namespace banyan::config
