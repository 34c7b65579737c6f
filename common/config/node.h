#ifndef BANYAN_COMMON_CONFIG_NODE_H_
#define BANYAN_COMMON_CONFIG_NODE_H_

#include <string>
#include <vector>

#include "common/config/diagnostic.h"

namespace banyan::config {

// A YAML value before the schema has given it a type. At most 100 levels deep, so it may be walked by recursion.
struct Node {
  enum class Kind {
    kNull,    // nothing was written
    kScalar,  // text
    kList,    // items
    kMap,     // items, each with its key; no key twice
  };

  Kind kind = Kind::kNull;
  // Of the value; where nothing was written, of the key.
  Position where;
  std::string text = {};
  std::vector<Node> items = {};
  // Where this is an item of a map.
  std::string key = {};
  Position key_where = {};
};

}  // namespace banyan::config

#endif  // BANYAN_COMMON_CONFIG_NODE_H_
