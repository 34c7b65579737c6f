#ifndef BANYAN_COMMON_CHECKPOINT_READER_H_
#define BANYAN_COMMON_CHECKPOINT_READER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/checkpoint/checkpoint_name.h"
#include "common/checkpoint/layout.h"
#include "common/checkpoint/tensor_files.h"
#include "common/file/file_system.h"

namespace banyan::v1 {
class CheckpointManifest;  // proto/checkpoint.pb.h
}

namespace banyan {

class CheckedFile;

// A published checkpoint. Nothing is read from it whose checksum was not found right. Thread-safe once open.
class CheckpointReader {
 public:
  // Checks the manifest, that all files are there in the right size, their headers, and that they hold exactly the
  // manifest's tensors; data is checked as it is read. NOT_FOUND when there is no checkpoint, DATA_LOSS when it is
  // damaged (names file and bytes), FAILED_PRECONDITION for a format version of another program.
  static absl::StatusOr<CheckpointReader> Open(FileSystem& files, const std::string& directory);

  CheckpointReader(CheckpointReader&&) noexcept;
  CheckpointReader& operator=(CheckpointReader&&) noexcept;
  ~CheckpointReader();

  const v1::CheckpointManifest& manifest() const { return *manifest_; }
  uint64_t step() const;
  uint64_t term() const;
  // Parameters and statistics, in byte order of name.
  const std::vector<CheckpointTensor>& tensors() const { return tensors_; }
  // Those, the slots as `<parameter>.<slot>`, and `step`.
  const TensorFiles& contents() const { return contents_; }

  // As TensorFiles::Read; DATA_LOSS where the file is damaged.
  absl::Status Read(std::string_view name, int64_t first_element, std::span<std::byte> into) const {
    return contents_.Read(name, first_element, into);
  }

  // Reads and checks every byte.
  absl::Status VerifyAll() const;

 private:
  CheckpointReader();

  std::unique_ptr<const v1::CheckpointManifest> manifest_;
  std::vector<CheckpointTensor> tensors_;
  std::vector<CheckedFile*> checked_;  // owned by contents_
  TensorFiles contents_;
};

struct CheckpointEntry {
  CheckpointName name;
  std::string path;
  absl::Status status;  // whether CheckpointReader opens it
};

// The published checkpoints of a job's directory, newest first; empty when the directory is not there. Unpublished and
// deleted ones are not among them.
absl::StatusOr<std::vector<CheckpointEntry>> ListCheckpoints(FileSystem& files, const std::string& job_directory);

// The newest checkpoint all of whose bytes are right. NOT_FOUND where there is none: the message says what is wrong
// with each that is there. `skipped` (may be null) gets the damaged ones that are newer than the result.
absl::StatusOr<CheckpointReader> OpenNewestCheckpoint(FileSystem& files, const std::string& job_directory,
                                                      std::vector<CheckpointEntry>* skipped = nullptr);

// The weights to start a job from (`init_from`): a checkpoint's model.safetensors with its checksums, or, in a
// directory without a manifest, model.safetensors or else every *.safetensors. transformers writes a whole GPT-2 with
// `transformer.` in front of each name; it is dropped. NOT_FOUND when there is none.
absl::StatusOr<TensorFiles> OpenInitialWeights(FileSystem& files, const std::string& directory);

}  // namespace banyan

#endif  // BANYAN_COMMON_CHECKPOINT_READER_H_
