#ifndef BANYAN_WORKER_DATA_MAPPED_FILE_H_
#define BANYAN_WORKER_DATA_MAPPED_FILE_H_

#include <cstddef>
#include <span>
#include <string>

#include "absl/status/statusor.h"

namespace banyan::worker {

// A file's bytes in memory, read only. The file must not shrink while it is mapped. Thread-safe.
class MappedFile {
 public:
  // Errors name the path. A file of no bytes is one.
  static absl::StatusOr<MappedFile> Open(const std::string& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::span<const std::byte> bytes_;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_DATA_MAPPED_FILE_H_
