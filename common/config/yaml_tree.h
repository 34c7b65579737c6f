#ifndef BANYAN_COMMON_CONFIG_YAML_TREE_H_
#define BANYAN_COMMON_CONFIG_YAML_TREE_H_

#include <cstddef>
#include <optional>
#include <string_view>

#include "common/config/diagnostic.h"
#include "common/config/node.h"

namespace banyan::config {

// Limits of a job file, YAML and textproto alike.
inline constexpr size_t kMaxFileBytes = 1 << 20;
inline constexpr int kMaxDepth = 100;

// Whether `text` may be parsed at all: its size, and valid UTF-8 without NUL. Adds what is wrong.
bool CheckText(std::string_view text, int source, Diagnostics* diagnostics);

// The one document in `text` (YAML 1.2 as yaml-cpp reads it; JSON is YAML). `origin` is the place of its first byte.
// Refuses, each at its place: more than kMaxFileBytes, nesting beyond kMaxDepth, keys given twice or that are not
// plain text, anchors, aliases, tags, several documents. nullopt exactly where something was added to `diagnostics`.
std::optional<Node> ParseYaml(std::string_view text, Position origin, Diagnostics* diagnostics);

}  // namespace banyan::config

#endif  // BANYAN_COMMON_CONFIG_YAML_TREE_H_
