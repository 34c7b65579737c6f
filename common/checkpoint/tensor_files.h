#ifndef BANYAN_COMMON_CHECKPOINT_TENSOR_FILES_H_
#define BANYAN_COMMON_CHECKPOINT_TENSOR_FILES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/checkpoint/safetensors.h"
#include "common/file/file_system.h"

namespace banyan {

// The tensors of one or several safetensors files, read in parts. What a checkpoint and an `init_from` directory have
// in common. Thread-safe once open.
class TensorFiles {
 public:
  struct Tensor {
    DType dtype;
    Shape shape;
    size_t file = 0;
    uint64_t offset = 0;  // of the first element in the file
    uint64_t size = 0;    // bytes
  };

  // A tensor whose name begins with `prefix` is known without it. INVALID_ARGUMENT for a bad header, or two tensors of
  // one name.
  static absl::StatusOr<TensorFiles> Open(std::vector<std::unique_ptr<File>> files, std::string_view prefix = "");

  // In byte order of name.
  const std::map<std::string, Tensor, std::less<>>& tensors() const { return tensors_; }

  // INVALID_ARGUMENT unless there is a tensor of this name, fp32 and of this shape: what is there, and what is expected.
  absl::Status Check(std::string_view name, const Shape& shape) const;

  // Fills `into` with elements from `first_element` on. NOT_FOUND for an unknown name, OUT_OF_RANGE past its end,
  // INVALID_ARGUMENT when `into` is not whole elements; else what the file says.
  absl::Status Read(std::string_view name, int64_t first_element, std::span<std::byte> into) const;

 private:
  std::vector<std::unique_ptr<File>> files_;
  std::map<std::string, Tensor, std::less<>> tensors_;
};

}  // namespace banyan

#endif  // BANYAN_COMMON_CHECKPOINT_TENSOR_FILES_H_
