#ifndef BANYAN_CLI_REPORT_RESULT_H_
#define BANYAN_CLI_REPORT_RESULT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/file/file_system.h"
#include "proto/client.pb.h"

namespace banyan::cli {

// What scripts read of a job's end: one line of JSON with the schema "banyan.result/1", described in docs/cli.md. Sums
// are hex floats (hex_float.h). The hashes are those of the newest checkpoint, which is read whole for them once the
// job is over; empty before, and where there is none. DATA_LOSS where it is damaged.
absl::StatusOr<std::string> ResultLine(FileSystem& files, const v1::JobDescription& job);

// ResultLine, kept also as result.json in the job's folder (the one its checkpoints lie in) when the job is over.
absl::StatusOr<std::string> MakeResult(FileSystem& files, const v1::JobDescription& job);

// The folder of a job's checkpoints; empty before the first.
std::string JobFolder(const v1::JobDescription& job);

// "tokens" for text, else "samples"; and what a loss is measured in: "nats/byte", "squared error", ...
std::string SampleUnit(const v1::Job& job);
std::string LossUnit(const v1::Job& job);

}  // namespace banyan::cli

#endif  // BANYAN_CLI_REPORT_RESULT_H_
