#ifndef BANYAN_COMMON_CONFIG_UTF8_H_
#define BANYAN_COMMON_CONFIG_UTF8_H_

#include <cstddef>
#include <string_view>

namespace banyan::config {

// Bytes of the well-formed UTF-8 character that `text` (not empty) starts with; 0 for none, and for NUL.
size_t Utf8Length(std::string_view text);

}  // namespace banyan::config

#endif  // BANYAN_COMMON_CONFIG_UTF8_H_
