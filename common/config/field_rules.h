#ifndef BANYAN_COMMON_CONFIG_FIELD_RULES_H_
#define BANYAN_COMMON_CONFIG_FIELD_RULES_H_

#include <string>

#include "common/config/diagnostic.h"
#include "common/config/locations.h"
#include "google/protobuf/message.h"

namespace banyan::config {

// Holds each field of `message`, and of those in it, to its rule in the schema: required, bounds, length, path; to what
// its type alone says: finite numbers, known enum values, text without control characters; and each choice to one.
// `path`: of `message`. `locations` may be empty (a job that came over the wire).
void CheckFields(const google::protobuf::Message& message, const std::string& path, const Locations& locations,
                 Diagnostics* diagnostics);

}  // namespace banyan::config

#endif  // BANYAN_COMMON_CONFIG_FIELD_RULES_H_
