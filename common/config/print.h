#ifndef BANYAN_COMMON_CONFIG_PRINT_H_
#define BANYAN_COMMON_CONFIG_PRINT_H_

#include <string>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace banyan::config {

// The canonical YAML of a valid message of the schema: fields in the schema's order, one spelling per value, units as
// comments. Read back and printed again it is the same text.
std::string PrintYaml(const google::protobuf::Message& message);

// The same as JSON, which a job file may be as well: one line, without units and without bare names for choices.
std::string PrintJson(const google::protobuf::Message& message);

// The canonical spelling of one value that is no message, or one written as a word: `0.004`, `1h30m`, `fp32`. Text is
// itself. `index`: in a repeated field; -1: of a field that is not.
std::string PrintValue(const google::protobuf::Message& message, const google::protobuf::FieldDescriptor& field,
                       int index);

}  // namespace banyan::config

#endif  // BANYAN_COMMON_CONFIG_PRINT_H_
