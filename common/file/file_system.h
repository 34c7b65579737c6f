#ifndef BANYAN_COMMON_FILE_FILE_SYSTEM_H_
#define BANYAN_COMMON_FILE_FILE_SYSTEM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace banyan {

enum class OpenMode {
  kRead,          // must exist
  kReadWrite,     // must exist
  kOpenOrCreate,  // read and write; keeps what is there
  kTruncate,      // read and write; empty afterwards
  kCreateNew,     // read and write; must not exist
};

// An open file; closed by its destructor. Reads and writes at offsets may run in several threads at once. What is
// written is seen by every later read at once, but survives a power cut only after Sync.
class File {
 public:
  virtual ~File() = default;

  virtual const std::string& path() const = 0;

  // Fills all of `into`. OUT_OF_RANGE when the file ends before.
  virtual absl::Status ReadAt(uint64_t offset, std::span<std::byte> into) = 0;

  // Writes all of `bytes`, growing the file as needed. After an error any part of them may have been written.
  virtual absl::Status WriteAt(uint64_t offset, std::span<const std::byte> bytes) = 0;

  virtual absl::StatusOr<uint64_t> Size() = 0;

  // Grows the file with zeros to at least `size` bytes and reserves the space where the file system can, so that a
  // full disk shows here and not in the middle. Keeps what is there; may be called by several processes at once.
  virtual absl::Status Preallocate(uint64_t size) = 0;

  virtual absl::Status Truncate(uint64_t size) = 0;

  // Makes the content durable, not the file's name: that is SyncDirectory of its folder.
  virtual absl::Status Sync() = 0;
};

// Held until destroyed, or until the process ends.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

struct FileInfo {
  bool is_directory = false;
  uint64_t size = 0;  // bytes; 0 for a directory
};

// The one way to disk, so that tests can lose power at any call. Modelled on google/leveldb's include/leveldb/env.h.
// Thread-safe. Every error reads "operation 'path': reason"; NOT_FOUND, ALREADY_EXISTS, RESOURCE_EXHAUSTED (full disk)
// and PERMISSION_DENIED come from errno. Helpers over it: file_util.h.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) = 0;
  virtual absl::StatusOr<FileInfo> Stat(const std::string& path) = 0;

  // Names in a directory, in byte order, without "." and "..".
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& directory) = 0;

  // One level; OK when it is there already.
  virtual absl::Status CreateDirectory(const std::string& path) = 0;

  // A file or an empty directory.
  virtual absl::Status Remove(const std::string& path) = 0;

  // Atomic; replaces a file or an empty directory at `to`. Durable after SyncDirectory of both folders.
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;

  // Makes creations, renames and removals in `directory` durable.
  virtual absl::Status SyncDirectory(const std::string& directory) = 0;

  // Creates the file `path` if need be and locks it against other processes and other callers in this one.
  // FAILED_PRECONDITION when somebody else holds it.
  virtual absl::StatusOr<std::unique_ptr<FileLock>> Lock(const std::string& path) = 0;

  // The absolute path without symbolic links. The whole path must exist.
  virtual absl::StatusOr<std::string> RealPath(const std::string& path) = 0;
};

}  // namespace banyan

#endif  // BANYAN_COMMON_FILE_FILE_SYSTEM_H_
