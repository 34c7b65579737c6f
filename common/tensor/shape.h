#ifndef BANYAN_COMMON_TENSOR_SHAPE_H_
#define BANYAN_COMMON_TENSOR_SHAPE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/tensor/dtype.h"

namespace banyan {

// Lengths of the dimensions, slowest first (row-major). Empty: a scalar, one element.
using Shape = std::vector<int64_t>;

// The product, at most 2^63 - 1. INVALID_ARGUMENT for a negative length or an overflow (a zero elsewhere does not
// excuse it).
absl::StatusOr<int64_t> ElementCount(const Shape& shape);

// ElementCount times the element's size, with the same limit.
absl::StatusOr<int64_t> ByteSize(const Shape& shape, DType dtype);

// "[2, 3]"
std::string ShapeText(const Shape& shape);

}  // namespace banyan

#endif  // BANYAN_COMMON_TENSOR_SHAPE_H_
