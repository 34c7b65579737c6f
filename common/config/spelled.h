#ifndef BANYAN_COMMON_CONFIG_SPELLED_H_
#define BANYAN_COMMON_CONFIG_SPELLED_H_

#include <string>
#include <string_view>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace banyan::config {

// Messages that a YAML job file writes as one word or phrase, and never field by field:
//   google.protobuf.Duration   5m, 1h30m, 250ms
//   Interval                   100 steps
//   SampleCount                all, 256

bool IsSpelled(const google::protobuf::Descriptor& type);

// What it looks like, for "expected ...". `type` is spelled.
std::string_view SpelledForm(const google::protobuf::Descriptor& type);

// Reads `text` into `message`, whose type is spelled. False, and `message` unchanged: `text` is no such value.
bool ParseSpelled(std::string_view text, google::protobuf::Message* message);

// The canonical spelling; ParseSpelled reads that of a valid message back to the same message.
std::string PrintSpelled(const google::protobuf::Message& message);

}  // namespace banyan::config

#endif  // BANYAN_COMMON_CONFIG_SPELLED_H_
