#ifndef BANYAN_COMMON_CONFIG_TEXTPROTO_H_
#define BANYAN_COMMON_CONFIG_TEXTPROTO_H_

#include <string>

#include "common/config/diagnostic.h"
#include "common/config/locations.h"
#include "google/protobuf/message.h"

namespace banyan::config {

// Reads protobuf's text format within the limits of yaml_tree.h. Only the first syntax error is reported, and protobuf
// may place it one word late. False exactly where something was added to `diagnostics`; `message` is then unspecified.
bool ParseTextproto(const std::string& text, int source, google::protobuf::Message* message, Locations* locations,
                    Diagnostics* diagnostics);

}  // namespace banyan::config

#endif  // BANYAN_COMMON_CONFIG_TEXTPROTO_H_
