#ifndef BANYAN_COMMON_CHECKPOINT_SAFETENSORS_H_
#define BANYAN_COMMON_CHECKPOINT_SAFETENSORS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/file/file_system.h"
#include "common/tensor/dtype.h"
#include "common/tensor/shape.h"

namespace banyan {

// The header of a safetensors file: where each tensor lies. The grammar is at the top of safetensors.cc.
struct SafetensorsHeader {
  struct Tensor {
    std::string name;
    DType dtype;
    Shape shape;
    uint64_t begin = 0;  // byte offsets in the file, not in its data section
    uint64_t end = 0;
  };
  std::vector<Tensor> tensors;  // in the order of their bytes
  std::map<std::string, std::string> metadata;
  uint64_t data_begin = 0;  // first byte after the header
  uint64_t file_size = 0;
};

// Largest header accepted and written.
inline constexpr uint64_t kMaxSafetensorsHeaderBytes = 16 << 20;

struct SafetensorsTensor {
  std::string name;
  DType dtype;
  Shape shape;
};

// The first bytes of a file that holds `tensors` one after another in the given order: the length and the header,
// padded so that the data section starts at a multiple of 8. INVALID_ARGUMENT for a name that is repeated, empty,
// "__metadata__" or not UTF-8, for shapes that overflow, and for a header over the limit.
absl::StatusOr<std::string> EncodeSafetensorsHeader(const std::vector<SafetensorsTensor>& tensors,
                                                    const std::map<std::string, std::string>& metadata);

// Parses `text`, the header's JSON, of a file of `file_size` bytes. INVALID_ARGUMENT says what is wrong with it. Safe
// on any bytes.
absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(std::string_view text, uint64_t file_size);

// Reads and parses the header of `file`. Errors name the file.
absl::StatusOr<SafetensorsHeader> ReadSafetensorsHeader(File& file);

}  // namespace banyan

#endif  // BANYAN_COMMON_CHECKPOINT_SAFETENSORS_H_
