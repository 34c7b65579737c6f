#ifndef BANYAN_COMMON_CONFIG_JOB_FILE_H_
#define BANYAN_COMMON_CONFIG_JOB_FILE_H_

#include <string>
#include <string_view>
#include <vector>

#include "common/config/diagnostic.h"
#include "proto/job.pb.h"

namespace banyan::config {

struct ReadJobResult {
  // As it was written: absent fields are absent (WithDefaults in defaults.h fills them). Valid where ok().
  v1::Job job;
  // Everything that is wrong: in the file, in the arguments, and with what they say together.
  Diagnostics diagnostics;

  bool ok() const { return diagnostics.empty(); }
};

// Reads and validates a job file (docs/job_file.md). `name` stands in messages, and its ending says what the file is:
// `.textproto`, `.txtpb` and `.pbtxt` are protobuf's text format, all else is YAML. `overrides` are the arguments of
// --set, applied in order after the file. Touches no disk: whether the paths of a job exist is for the roles to say.
ReadJobResult ReadJob(const std::string& name, const std::string& text, const std::vector<std::string>& overrides = {});

// The same validation of a job that came over the wire; diagnostics name paths. What the coordinator runs, which alone
// decides. `job` may hold anything that protobuf can parse.
Diagnostics ValidateJob(const v1::Job& job);

}  // namespace banyan::config

#endif  // BANYAN_COMMON_CONFIG_JOB_FILE_H_
