#ifndef BANYAN_WORKER_DATA_DATA_FILE_H_
#define BANYAN_WORKER_DATA_DATA_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/file/file_system.h"
#include "common/file/roots.h"

namespace banyan::worker {

// A file that a job names, open for reading. Errors name it as the job does, with its root's directory. Thread-safe.
class DataFile {
 public:
  // What Roots::Resolve refuses; NOT_FOUND where there is none, INVALID_ARGUMENT for a directory and for a file without
  // bytes, PERMISSION_DENIED for one that may not be read.
  static absl::StatusOr<DataFile> Open(FileSystem& files, const Roots& roots, const std::string& path);

  // As the job has it: `data:kjv.txt`.
  const std::string& name() const { return name_; }
  // When it was opened; at least 1.
  uint64_t size_bytes() const { return size_bytes_; }

  // Calls `visit` with the content from its first byte to byte size_bytes() - 1, in blocks, until it fails.
  absl::Status Visit(absl::FunctionRef<absl::Status(std::span<const std::byte>)> visit) const;

 private:
  DataFile(std::string name, std::unique_ptr<File> file, uint64_t size_bytes)
      : name_(std::move(name)), file_(std::move(file)), size_bytes_(size_bytes) {}

  std::string name_;
  std::unique_ptr<File> file_;
  uint64_t size_bytes_;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_DATA_DATA_FILE_H_
