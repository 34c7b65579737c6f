#ifndef BANYAN_COMMON_TENSOR_DTYPE_H_
#define BANYAN_COMMON_TENSOR_DTYPE_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace banyan {

// Element types, by the names that safetensors gives them.
enum class DType : uint8_t {
  kBool, kU8, kI8, kF8E4M3, kF8E5M2, kU16, kI16, kF16, kBF16, kU32, kI32, kF32, kU64, kI64, kF64,
};

// Bytes of an element.
int64_t SizeOf(DType dtype);

// "F32", "BF16", "F8_E4M3", ...
std::string_view DTypeName(DType dtype);

// Nothing for a name that is not one of these.
std::optional<DType> ParseDType(std::string_view name);

}  // namespace banyan

#endif  // BANYAN_COMMON_TENSOR_DTYPE_H_
