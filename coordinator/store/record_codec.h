#ifndef BANYAN_COORDINATOR_STORE_RECORD_CODEC_H_
#define BANYAN_COORDINATOR_STORE_RECORD_CODEC_H_

#include <string>

#include "absl/status/statusor.h"
#include "coordinator/jobs/job_record.h"
#include "proto/checkpoint.pb.h"
#include "proto/cluster.pb.h"

// Records to the messages that are stored and told, and back. Decoding refuses what is not well formed.
namespace banyan::coordinator {

// The bytes of a StoredJob (proto/store.proto).
std::string EncodeRecord(const JobRecord& record);
// DATA_LOSS for anything else.
absl::StatusOr<JobRecord> DecodeRecord(const std::string& bytes);

v1::Process EncodeIntroduction(const Introduction& introduction);
// INVALID_ARGUMENT without a role, a name or an incarnation.
absl::StatusOr<Introduction> DecodeIntroduction(const v1::Process& process);

v1::RestorePoint EncodeRestorePoint(const RestorePoint& point);

v1::ForkPoint EncodeForkPoint(const JobRecord::Fork& fork);

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_STORE_RECORD_CODEC_H_
