#ifndef BANYAN_COMMON_CHECKPOINT_STRICT_JSON_H_
#define BANYAN_COMMON_CHECKPOINT_STRICT_JSON_H_

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"

namespace banyan {

// OK when `text` is one JSON value (RFC 8259, UTF-8, no byte order mark) nested at most `max_depth` deep in which no
// object has a key twice: what parsers of JSON let pass, differently each. Otherwise INVALID_ARGUMENT with the byte
// offset. Throws nothing.
absl::Status CheckStrictJson(std::string_view text, size_t max_depth);

}  // namespace banyan

#endif  // BANYAN_COMMON_CHECKPOINT_STRICT_JSON_H_
