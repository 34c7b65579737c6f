#ifndef BANYAN_COMMON_CHECKPOINT_CHECKED_FILE_H_
#define BANYAN_COMMON_CHECKPOINT_CHECKED_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "common/base/sync.h"
#include "common/file/file_system.h"

namespace banyan {

struct CheckedRange {
  uint64_t size = 0;  // bytes, not 0
  uint64_t checksum = 0;  // XXH3-64
};

// A file for reading of which nothing is given out before the checksum of the range that holds it was found right.
// Reading a whole range costs one pass over it; a part of one costs a second, once. DATA_LOSS names file and bytes.
// Thread-safe. Writing is refused.
class CheckedFile final : public File {
 public:
  // The ranges follow one another from byte 0; a file of another size is DATA_LOSS.
  static absl::StatusOr<std::unique_ptr<CheckedFile>> Create(std::unique_ptr<File> file,
                                                             const std::vector<CheckedRange>& ranges);

  // Checks every range.
  absl::Status VerifyAll();

  const std::string& path() const override { return file_->path(); }
  absl::Status ReadAt(uint64_t offset, std::span<std::byte> into) override;
  absl::StatusOr<uint64_t> Size() override { return size_; }
  absl::Status WriteAt(uint64_t offset, std::span<const std::byte> bytes) override;
  absl::Status Preallocate(uint64_t size) override;
  absl::Status Truncate(uint64_t size) override;
  absl::Status Sync() override { return absl::OkStatus(); }

 private:
  struct Range {
    uint64_t begin = 0;
    uint64_t end = 0;
    uint64_t checksum = 0;
    bool verified = false;
  };

  CheckedFile(std::unique_ptr<File> file, uint64_t size) : file_(std::move(file)), size_(size) {}

  // Reads `into` from `offset`, both inside the range with this index, and sees that the range is right.
  absl::Status ReadInRange(size_t index, uint64_t offset, std::span<std::byte> into);
  absl::Status Verify(size_t index);
  absl::Status Check(size_t index, uint64_t checksum);
  Range Get(size_t index);

  const std::unique_ptr<File> file_;
  const uint64_t size_;
  Mutex mutex_;
  std::vector<Range> ranges_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banyan

#endif  // BANYAN_COMMON_CHECKPOINT_CHECKED_FILE_H_
