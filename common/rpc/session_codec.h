#ifndef BANYAN_COMMON_RPC_SESSION_CODEC_H_
#define BANYAN_COMMON_RPC_SESSION_CODEC_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "common/protocol/session.h"
#include "proto/cluster.pb.h"

// What the coordinator, servers and workers tell each other of a job, to messages and back. Decoding refuses what is
// not well formed (INVALID_ARGUMENT, naming the field).
namespace banyan {

// Sets all fields but `job`.
v1::JobCommand EncodeJobOrder(const JobOrder& order);
absl::StatusOr<JobOrder> DecodeJobOrder(const v1::JobCommand& message, uint64_t coordinator_term);

v1::JobReport EncodeJobReport(const std::string& job, const JobReport& report);
// `leaves`: of a step of the job, for the bitmaps; 0 where the job is not resolved yet: then there must be none.
absl::StatusOr<JobReport> DecodeJobReport(const v1::JobReport& message, uint32_t leaves);

v1::DataFacts EncodeDataFacts(const DataFacts& facts);
DataFacts DecodeDataFacts(const v1::DataFacts& message);

v1::Assignment EncodeAssignment(const Assignment& assignment);
Assignment DecodeAssignment(const v1::Assignment& message);

v1::JobState EncodeJobState(JobState state);
absl::StatusOr<JobState> DecodeJobState(v1::JobState state);

}  // namespace banyan

#endif  // BANYAN_COMMON_RPC_SESSION_CODEC_H_
