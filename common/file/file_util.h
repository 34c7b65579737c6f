#ifndef BANYAN_COMMON_FILE_FILE_UTIL_H_
#define BANYAN_COMMON_FILE_FILE_UTIL_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/file/file_system.h"

namespace banyan {

// `directory`/`name`, with one slash between.
std::string JoinPath(std::string_view directory, std::string_view name);

// The path before the last slash ("/" for "/a", "." for "a"), and what comes after it.
std::string ParentPath(std::string_view path);
std::string BaseName(std::string_view path);

// Whether there is a file or directory. Errors other than NOT_FOUND are passed on.
absl::StatusOr<bool> Exists(FileSystem& files, const std::string& path);

// The whole file. OUT_OF_RANGE when it is larger than `max_bytes`.
absl::StatusOr<std::string> ReadFile(FileSystem& files, const std::string& path, uint64_t max_bytes);

// Writes `path`.tmp, syncs it, renames it to `path` and syncs the folder: after a crash at any moment `path` has its
// old content or all of the new one, and after OK the new one. One writer of a path at a time.
absl::Status WriteFileAtomically(FileSystem& files, const std::string& path, std::string_view content);

// Creates `path` and what is missing above it; each new name is durable.
absl::Status CreateDirectories(FileSystem& files, const std::string& path);

// Removes `path` and everything below it. OK when there is nothing. Not atomic.
absl::Status RemoveTree(FileSystem& files, const std::string& path);

}  // namespace banyan

#endif  // BANYAN_COMMON_FILE_FILE_UTIL_H_
