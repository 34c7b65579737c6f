#include "common/tensor/shape.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"

namespace banyan {
namespace {

absl::Status TooLarge(const Shape& shape) {
  return absl::InvalidArgumentError(absl::StrCat("shape ", ShapeText(shape), " overflows 64 bits"));
}

}  // namespace

absl::StatusOr<int64_t> ElementCount(const Shape& shape) {
  int64_t count = 1;
  bool empty = false;
  for (const int64_t length : shape) {
    if (length < 0) {
      return absl::InvalidArgumentError(absl::StrCat("shape ", ShapeText(shape), " has a negative length"));
    }
    if (length == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(count, length, &count)) {
      return TooLarge(shape);
    }
  }
  return empty ? 0 : count;
}

absl::StatusOr<int64_t> ByteSize(const Shape& shape, DType dtype) {
  ASSIGN_OR_RETURN(int64_t bytes, ElementCount(shape));
  if (__builtin_mul_overflow(bytes, SizeOf(dtype), &bytes)) return TooLarge(shape);
  return bytes;
}

std::string ShapeText(const Shape& shape) { return absl::StrCat("[", absl::StrJoin(shape, ", "), "]"); }

}  // namespace banyan
