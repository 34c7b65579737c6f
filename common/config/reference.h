#ifndef BANYAN_COMMON_CONFIG_REFERENCE_H_
#define BANYAN_COMMON_CONFIG_REFERENCE_H_

#include <string>

#include "google/protobuf/descriptor.pb.h"

namespace banyan::config {

// The tables of docs/job_file.md, in Markdown: the fields of each message of a job with what they hold, their default
// and their comment in proto/job.proto, then the codes of diagnostics. `files`: proto/job.proto and what it imports,
// with comments (protoc --include_imports --include_source_info).
std::string JobReference(const google::protobuf::FileDescriptorSet& files);

}  // namespace banyan::config

#endif  // BANYAN_COMMON_CONFIG_REFERENCE_H_
