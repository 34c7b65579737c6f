#ifndef BANYAN_COMMON_CHECKPOINT_PUBLISHER_H_
#define BANYAN_COMMON_CHECKPOINT_PUBLISHER_H_

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/checkpoint/checkpoint_name.h"
#include "common/checkpoint/layout.h"
#include "common/checkpoint/writer.h"
#include "common/file/file_system.h"

namespace banyan::v1 {
class CheckpointManifest;  // proto/checkpoint.pb.h
}

namespace banyan {

// What the coordinator does with the parts of all servers. `facts` is a manifest with everything about the job, step
// and term; files, tensors and format version are filled in here.
//
// After OK the checkpoint survives a power cut; after an error, or a crash at any moment, it is either not published or
// published whole. Repeating the call for a published checkpoint is OK. FAILED_PRECONDITION names the first bytes (and
// the tensor) that no part covers; INVALID_ARGUMENT parts that overlap or lie outside the files; DATA_LOSS files on
// disk that are not as the parts say. The parts must be of one term and step.
absl::Status PublishCheckpoint(FileSystem& files, const CheckpointLayout& layout, const std::string& job_directory,
                               const v1::CheckpointManifest& facts, const std::vector<PartRange>& parts);

// Deletes all published checkpoints but the `keep` newest and those in `protect` (restore points), and what was never
// published and cannot be any more: partial directories of older terms, or of steps up to the newest complete one.
// Never the newest complete one, whatever `keep` is, nor one newer than it. Damaged ones do not count towards `keep`.
absl::Status RemoveOldCheckpoints(FileSystem& files, const std::string& job_directory, size_t keep,
                                  const std::set<CheckpointName>& protect);

}  // namespace banyan

#endif  // BANYAN_COMMON_CHECKPOINT_PUBLISHER_H_
