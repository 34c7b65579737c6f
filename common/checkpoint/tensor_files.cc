#include "common/checkpoint/tensor_files.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace banyan {

absl::StatusOr<TensorFiles> TensorFiles::Open(std::vector<std::unique_ptr<File>> files, std::string_view prefix) {
  TensorFiles result;
  for (std::unique_ptr<File>& file : files) {
    ASSIGN_OR_RETURN(SafetensorsHeader header, ReadSafetensorsHeader(*file));
    for (SafetensorsHeader::Tensor& tensor : header.tensors) {
      std::string name = std::move(tensor.name);
      if (name.starts_with(prefix)) name.erase(0, prefix.size());
      Tensor place = {.dtype = tensor.dtype,
                      .shape = std::move(tensor.shape),
                      .file = result.files_.size(),
                      .offset = tensor.begin,
                      .size = tensor.end - tensor.begin};
      const auto [it, is_new] = result.tensors_.emplace(std::move(name), std::move(place));
      if (!is_new) {
        return absl::InvalidArgumentError(absl::StrCat("tensor '", it->first, "' of '", file->path(), "' is there twice"));
      }
    }
    result.files_.push_back(std::move(file));
  }
  return result;
}

absl::Status TensorFiles::Check(std::string_view name, const Shape& shape) const {
  const auto it = tensors_.find(name);
  if (it == tensors_.end()) return absl::InvalidArgumentError(absl::StrCat("has no tensor '", std::string(name), "'"));
  if (it->second.dtype == DType::kF32 && it->second.shape == shape) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("tensor '", std::string(name), "' is ",
                                                 std::string(DTypeName(it->second.dtype)), " ",
                                                 ShapeText(it->second.shape), ", expected F32 ", ShapeText(shape)));
}

absl::Status TensorFiles::Read(std::string_view name, int64_t first_element, std::span<std::byte> into) const {
  const auto it = tensors_.find(name);
  if (it == tensors_.end()) return absl::NotFoundError(absl::StrCat("no tensor '", std::string(name), "'"));
  const Tensor& tensor = it->second;
  const uint64_t element_size = static_cast<uint64_t>(SizeOf(tensor.dtype));
  const uint64_t elements = tensor.size / element_size;
  if (into.size() % element_size != 0) {
    return absl::InvalidArgumentError(absl::StrCat("tensor '", std::string(name), "': ", into.size(),
                                                   " bytes are not whole elements of ", element_size));
  }
  const uint64_t count = into.size() / element_size;
  if (first_element < 0 || static_cast<uint64_t>(first_element) > elements ||
      count > elements - static_cast<uint64_t>(first_element)) {
    return absl::OutOfRangeError(absl::StrCat("tensor '", std::string(name), "' has ", elements,
                                              " elements, asked for ", count, " from ", first_element));
  }
  return files_[tensor.file]->ReadAt(tensor.offset + static_cast<uint64_t>(first_element) * element_size, into);
}

}  // namespace banyan
