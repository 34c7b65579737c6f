#ifndef BANYAN_COMMON_CHECKPOINT_LAYOUT_H_
#define BANYAN_COMMON_CHECKPOINT_LAYOUT_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/tensor/dtype.h"
#include "common/tensor/shape.h"

namespace banyan {

// A tensor of a model, as a checkpoint knows it.
struct CheckpointTensor {
  enum class Kind { kTrainable, kFrozen, kStatistic };
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  Kind kind = Kind::kTrainable;
  std::vector<std::string> slots;  // of the optimizer, each of the same shape and type; e.g. "exp_avg"
  bool operator==(const CheckpointTensor&) const = default;
};

// Where every element of a checkpoint lies: model.safetensors holds weights and statistics, what transformers would
// load; optimizer.safetensors holds the slots as `<parameter>.<slot>`, and `step` (I64, no dimensions). In each file
// the tensors stand by element size, largest first, then in byte order of name, so all are aligned. It follows from the
// tensors alone, so every server writes its chunks at their places without talking to another. Immutable: thread-safe.
class CheckpointLayout {
 public:
  static constexpr size_t kModelFile = 0;
  static constexpr size_t kOptimizerFile = 1;
  static constexpr char kStepName[] = "step";

  struct FileLayout {
    std::string name;
    std::string header;  // the file's first bytes
    uint64_t size = 0;   // bytes
  };
  struct Place {
    size_t file = 0;      // index into files()
    uint64_t offset = 0;  // of the first element, in the file
    int64_t elements = 0;
    DType dtype = DType::kF32;
    uint64_t OffsetOf(int64_t element) const { return offset + static_cast<uint64_t>(element * SizeOf(dtype)); }
  };

  // INVALID_ARGUMENT for a name that two tensors, slots or `step` share or that safetensors cannot hold, a slot of a
  // tensor that is not trainable, and sizes over safetensors' limits.
  static absl::StatusOr<CheckpointLayout> Create(std::vector<CheckpointTensor> tensors);

  // In byte order of name.
  const std::vector<CheckpointTensor>& tensors() const { return tensors_; }
  const std::vector<FileLayout>& files() const { return files_; }

  // By name: "h.0.attn.c_attn.weight", "h.0.attn.c_attn.weight.exp_avg", "step"; in byte order.
  const std::map<std::string, Place, std::less<>>& places() const { return places_; }

  // Null for an unknown name.
  const Place* Find(std::string_view name) const;

 private:
  std::vector<CheckpointTensor> tensors_;
  std::vector<FileLayout> files_;
  std::map<std::string, Place, std::less<>> places_;
};

// "<parameter>.<slot>"
std::string SlotName(std::string_view parameter, std::string_view slot);

}  // namespace banyan

#endif  // BANYAN_COMMON_CHECKPOINT_LAYOUT_H_
