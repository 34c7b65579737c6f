#ifndef BANYAN_COMMON_CHECKPOINT_WRITER_H_
#define BANYAN_COMMON_CHECKPOINT_WRITER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/sync.h"
#include "common/checkpoint/checkpoint_name.h"
#include "common/checkpoint/layout.h"
#include "common/file/file_system.h"
#include "common/tensor/payload.h"

namespace banyan {

// Bytes of a checkpoint's file that one server wrote and synced.
struct PartRange {
  std::string file;
  uint64_t offset = 0;    // bytes
  uint64_t size = 0;      // bytes, not 0
  uint64_t checksum = 0;  // XXH3-64
  bool operator==(const PartRange&) const = default;
};

// One server's part of a checkpoint: writes its pieces of tensors at their places into files that all servers share.
// Any number of processes may do so at once, and again after a crash: everyone who opens makes the same directory,
// sizes, headers and `step`. Nothing that a writer does can make an unpublished checkpoint look published.
// Thread-safe; `files` and `layout` must outlive it.
class CheckpointWriter {
 public:
  // ALREADY_EXISTS when the checkpoint is published; RESOURCE_EXHAUSTED when the disk has no room for all of it.
  static absl::StatusOr<std::unique_ptr<CheckpointWriter>> Open(FileSystem& files, const CheckpointLayout& layout,
                                                                const std::string& job_directory,
                                                                const CheckpointName& name);

  // Writes `bytes`, the elements of `tensor` (a slot is "<parameter>.<slot>") from `first_element` on. Not synced
  // before Finish. NOT_FOUND for an unknown tensor, OUT_OF_RANGE past its end.
  absl::Status Write(std::string_view tensor, int64_t first_element, const Payload& bytes);

  // Makes everything durable. The ranges that this writer wrote, one a Write, in file order: what the server reports.
  absl::StatusOr<std::vector<PartRange>> Finish();

 private:
  CheckpointWriter(FileSystem& files, const CheckpointLayout& layout, std::string directory)
      : file_system_(files), layout_(layout), directory_(std::move(directory)) {}

  absl::Status OpenFiles(uint64_t step);

  FileSystem& file_system_;
  const CheckpointLayout& layout_;
  const std::string directory_;
  std::vector<std::unique_ptr<File>> files_;  // as layout_.files()
  Mutex mutex_;
  std::vector<PartRange> ranges_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banyan

#endif  // BANYAN_COMMON_CHECKPOINT_WRITER_H_
