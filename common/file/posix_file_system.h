#ifndef BANYAN_COMMON_FILE_POSIX_FILE_SYSTEM_H_
#define BANYAN_COMMON_FILE_POSIX_FILE_SYSTEM_H_

#include <memory>
#include <string>
#include <vector>

#include "common/file/file_system.h"

namespace banyan {

// The machine's files. Stat does not follow a symbolic link in the last place, so RemoveTree never leaves its tree.
class PosixFileSystem final : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  absl::StatusOr<FileInfo> Stat(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override;
  absl::Status CreateDirectory(const std::string& path) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status SyncDirectory(const std::string& directory) override;
  absl::StatusOr<std::unique_ptr<FileLock>> Lock(const std::string& path) override;
  absl::StatusOr<std::string> RealPath(const std::string& path) override;
};

}  // namespace banyan

#endif  // BANYAN_COMMON_FILE_POSIX_FILE_SYSTEM_H_
