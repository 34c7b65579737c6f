#ifndef BANYAN_COMMON_OPTIMIZER_ELEMENTWISE_RULE_H_
#define BANYAN_COMMON_OPTIMIZER_ELEMENTWISE_RULE_H_

#include <algorithm>
#include <array>
#include <cstddef>

#include "common/base/check.h"
#include "common/cpu/run_at.h"
#include "common/fingerprint/state_fingerprint.h"
#include "common/optimizer/update_rule.h"
#include "common/reduce/finite_bits.h"
#include "common/reduce/norm.h"

namespace banyan {

// An update rule made from the formula of one element. `Formula` is a plain class with
//
//   static constexpr std::array<std::string_view, N> kSlotNames;   // in byte order
//   template <typename T> struct Element {                         // the constants of a step, made in fp64, then T
//     // Returns the new weight; updates the slots. Only + - * / and sqrt.
//     BANYAN_INLINE T operator()(T weight, T gradient_sum, std::array<T, N>& slots) const;
//   };
//   template <typename T> Element<T> ElementOf(const UpdateStep& step, bool decay) const;
//
// For a rule's source file only (built with VECTOR_COPTS); users include the rule's header.
template <typename Formula>
class ElementwiseRule final : public UpdateRule {
 public:
  explicit ElementwiseRule(const Formula& formula) : formula_(formula) {}

  std::span<const std::string_view> SlotNames() const override { return Formula::kSlotNames; }

  UpdateResult Apply(CpuLevel level, const UpdateStep& step, const UpdateSegment<float>& segment) const override {
    return ApplyTo(level, step, segment);
  }
  UpdateResult Apply(CpuLevel level, const UpdateStep& step, const UpdateSegment<double>& segment) const override {
    return ApplyTo(level, step, segment);
  }

 private:
  static constexpr size_t kSlots = Formula::kSlotNames.size();

  // A block of a segment.
  template <typename T>
  struct Block {
    const T* weights;
    T* accumulator;
    std::array<T*, kSlots> slots;
    size_t size;
  };

  template <typename T>
  UpdateResult ApplyTo(CpuLevel level, const UpdateStep& step, const UpdateSegment<T>& segment) const {
    const size_t size = segment.weights.size();
    CHECK_EQ(segment.accumulator.size(), size);
    CHECK_EQ(segment.slots.size(), kSlots);
    const auto element = formula_.template ElementOf<T>(step, segment.decay);
    UpdateResult result;
    for (size_t begin = 0; begin < size; begin += kBlockElements) {
      Block<T> block{segment.weights.data() + begin, segment.accumulator.data() + begin, {},
                     std::min(kBlockElements, size - begin)};
      for (size_t slot = 0; slot < kSlots; ++slot) block.slots[slot] = segment.slots[slot] + begin;
      if (step.skip) {
        std::copy_n(block.weights, block.size, block.accumulator);
      } else {
        const bool finite =
            RunAt(level, [&]() __attribute__((always_inline)) { return UpdateBlock(element, block); });
        result.finite = result.finite && finite;
      }
      result.fingerprint +=
          SegmentFingerprint(segment.tensor, segment.first_block + begin / kBlockElements,
                             std::span<const T>(block.accumulator, block.size), std::span<T* const>(block.slots));
    }
    return result;
  }

  template <typename T, typename Element>
  static BANYAN_INLINE bool UpdateBlock(const Element element, const Block<T> block) {
    typename FiniteBits<T>::Bits flags = 0;
#pragma GCC ivdep
    for (size_t i = 0; i < block.size; ++i) {
      std::array<T, kSlots> slots;
      for (size_t slot = 0; slot < kSlots; ++slot) slots[slot] = block.slots[slot][i];
      const T weight = element(block.weights[i], block.accumulator[i], slots);
      block.accumulator[i] = weight;
      flags |= FiniteBits<T>::Flag(weight);
      for (size_t slot = 0; slot < kSlots; ++slot) {
        block.slots[slot][i] = slots[slot];
        flags |= FiniteBits<T>::Flag(slots[slot]);
      }
    }
    return FiniteBits<T>::Finite(flags);
  }

  const Formula formula_;
};

}  // namespace banyan

#endif  // BANYAN_COMMON_OPTIMIZER_ELEMENTWISE_RULE_H_
