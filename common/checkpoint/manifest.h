#ifndef BANYAN_COMMON_CHECKPOINT_MANIFEST_H_
#define BANYAN_COMMON_CHECKPOINT_MANIFEST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/checkpoint/layout.h"
#include "common/file/file_system.h"
#include "proto/checkpoint.pb.h"

namespace banyan {

inline constexpr uint32_t kCheckpointFormatVersion = 1;
inline constexpr char kManifestFile[] = "manifest.json";
inline constexpr char kManifestDigestFile[] = "manifest.json.sha256";

// JSON with the field names of proto/checkpoint.proto, made to be read by people.
absl::StatusOr<std::string> ManifestToJson(const v1::CheckpointManifest& manifest);

// Strict: an unknown field, a key given twice or deep nesting is refused. FAILED_PRECONDITION for another format
// version (found before anything else is looked at), INVALID_ARGUMENT for the rest. Safe on any bytes.
absl::StatusOr<v1::CheckpointManifest> ManifestFromJson(const std::string& json);

// The manifest's tensors, in its order. INVALID_ARGUMENT for a type or kind that is none.
absl::StatusOr<std::vector<CheckpointTensor>> TensorsOf(const v1::CheckpointManifest& manifest);
void SetTensors(const std::vector<CheckpointTensor>& tensors, v1::CheckpointManifest& manifest);

// Writes both files durably into `directory`.
absl::Status WriteManifest(FileSystem& files, const std::string& directory, const v1::CheckpointManifest& manifest);

// Reads and checks both files. NOT_FOUND where there is no manifest, DATA_LOSS where it is damaged,
// FAILED_PRECONDITION for another format version.
absl::StatusOr<v1::CheckpointManifest> ReadManifest(FileSystem& files, const std::string& directory);

}  // namespace banyan

#endif  // BANYAN_COMMON_CHECKPOINT_MANIFEST_H_
