#ifndef BANYAN_COMMON_CONFIG_DEFAULTS_H_
#define BANYAN_COMMON_CONFIG_DEFAULTS_H_

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "proto/job.pb.h"

namespace banyan::config {

// `job` with every default in force written down. Fields whose absence has a meaning of its own (no evaluation, no
// clipping) stay absent. Applied twice it changes nothing.
v1::Job WithDefaults(v1::Job job);

// The same for any message of the schema.
void FillDefaults(google::protobuf::Message* message);

// Sets `field` of `message` to its default; false where its rule has none.
bool SetDefault(const google::protobuf::FieldDescriptor& field, google::protobuf::Message* message);

}  // namespace banyan::config

#endif  // BANYAN_COMMON_CONFIG_DEFAULTS_H_
