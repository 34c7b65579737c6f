#ifndef BANYAN_WORKER_DEVICE_VIEW_H_
#define BANYAN_WORKER_DEVICE_VIEW_H_

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "common/base/check.h"
#include "common/tensor/dtype.h"

namespace banyan::worker {

template <typename T>
constexpr DType DTypeOf() {
  if constexpr (std::is_same_v<T, double>) return DType::kF64;
  if constexpr (std::is_same_v<T, float>) return DType::kF32;
  if constexpr (std::is_same_v<T, int32_t>) return DType::kI32;
  return DType::kU8;
}

// `size` contiguous elements of one type in a device's memory, borrowed. The pointer means something only to kernels of
// that device; nothing else may follow it. Bytes may be read as any type, everything else only as its own. A default
// view is absent: no data, no elements. `Byte` is std::byte or const std::byte.
template <typename Byte>
class BasicView {
 public:
  BasicView() = default;
  BasicView(Byte* data, DType dtype, int64_t size) : data_(data), size_(size), dtype_(dtype) {}

  // A view that may be written serves where one that is only read is wanted.
  template <typename Other>
    requires(std::is_const_v<Byte> && !std::is_const_v<Other>)
  BasicView(const BasicView<Other>& other) : data_(other.bytes()), size_(other.size()), dtype_(other.dtype()) {}

  template <typename T>
  auto* as() const {
    using Element = std::conditional_t<std::is_const_v<Byte>, const T, T>;
    if (data_ != nullptr && dtype_ != DType::kU8) CHECK(dtype_ == DTypeOf<T>());
    return reinterpret_cast<Element*>(data_);
  }

  Byte* bytes() const { return data_; }
  int64_t size() const { return size_; }
  int64_t size_bytes() const { return size_ * SizeOf(dtype_); }
  DType dtype() const { return dtype_; }
  bool present() const { return data_ != nullptr; }

  // Elements offset .. offset + size - 1.
  BasicView Slice(int64_t offset, int64_t size) const {
    CHECK_GE(offset, 0);
    CHECK_LE(offset + size, size_);
    return BasicView(data_ + offset * SizeOf(dtype_), dtype_, size);
  }

 private:
  Byte* data_ = nullptr;
  int64_t size_ = 0;
  DType dtype_ = DType::kU8;
};

using View = BasicView<std::byte>;
using ConstView = BasicView<const std::byte>;

// A view of memory that the host made, for the CPU device and its tests.
template <typename T>
View ViewOf(T* data, int64_t size) {
  return View(reinterpret_cast<std::byte*>(data), DTypeOf<T>(), size);
}
template <typename T>
ConstView ViewOf(const T* data, int64_t size) {
  return ConstView(reinterpret_cast<const std::byte*>(data), DTypeOf<T>(), size);
}

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_DEVICE_VIEW_H_
