#include "common/checkpoint/layout.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/checkpoint/safetensors.h"

namespace banyan {
namespace {

void SortForFile(std::vector<SafetensorsTensor>& tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) {
    const int64_t size_a = SizeOf(a.dtype);
    const int64_t size_b = SizeOf(b.dtype);
    return size_a != size_b ? size_a > size_b : a.name < b.name;
  });
}

}  // namespace

std::string SlotName(std::string_view parameter, std::string_view slot) {
  return std::string(parameter).append(".").append(slot);
}

absl::StatusOr<CheckpointLayout> CheckpointLayout::Create(std::vector<CheckpointTensor> tensors) {
  CheckpointLayout layout;
  layout.tensors_ = std::move(tensors);
  std::sort(layout.tensors_.begin(), layout.tensors_.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  std::vector<SafetensorsTensor> contents[2];
  contents[kOptimizerFile].push_back({kStepName, DType::kI64, {}});
  for (const CheckpointTensor& tensor : layout.tensors_) {
    contents[kModelFile].push_back({tensor.name, tensor.dtype, tensor.shape});
    if (!tensor.slots.empty() && tensor.kind != CheckpointTensor::Kind::kTrainable) {
      return absl::InvalidArgumentError(absl::StrCat("tensor '", tensor.name, "' has slots but is not trainable"));
    }
    for (const std::string& slot : tensor.slots) {
      contents[kOptimizerFile].push_back({SlotName(tensor.name, slot), tensor.dtype, tensor.shape});
    }
  }
  for (const size_t file : {kModelFile, kOptimizerFile}) {
    SortForFile(contents[file]);
    FileLayout result;
    result.name = file == kModelFile ? "model.safetensors" : "optimizer.safetensors";
    // transformers refuses a file whose metadata does not name a format.
    ASSIGN_OR_RETURN(result.header, EncodeSafetensorsHeader(contents[file], {{"format", "pt"}}));
    result.size = result.header.size();
    for (const SafetensorsTensor& tensor : contents[file]) {
      ASSIGN_OR_RETURN(const int64_t elements, ElementCount(tensor.shape));
      const Place place{.file = file, .offset = result.size, .elements = elements, .dtype = tensor.dtype};
      if (!layout.places_.emplace(tensor.name, place).second) {
        return absl::InvalidArgumentError(absl::StrCat("tensor name '", tensor.name, "' is used twice"));
      }
      result.size = place.OffsetOf(elements);
    }
    layout.files_.push_back(std::move(result));
  }
  return layout;
}

const CheckpointLayout::Place* CheckpointLayout::Find(std::string_view name) const {
  const auto it = places_.find(name);
  return it == places_.end() ? nullptr : &it->second;
}

}  // namespace banyan
