#ifndef BANYAN_COMMON_OPTIMIZER_UPDATE_RULE_H_
#define BANYAN_COMMON_OPTIMIZER_UPDATE_RULE_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "common/cpu/cpu_level.h"

namespace banyan {

// What one step gives every parameter. Same for all chunks of the step (the ledger fixes it).
struct UpdateStep {
  // After the schedule.
  double learning_rate = 0;
  // What the gradient sum is multiplied by, once: StepNorm::gradient_factor (common/reduce/norm.h), rounded to the
  // weights' type.
  double gradient_factor = 1;
  // The update's number, from 1: what bias correction goes by.
  uint64_t update = 1;
  // A step without weight, or a non-finite one under loss scaling: weights and slots stay as they are.
  bool skip = false;
};

// A segment: a tensor's elements from a block's start on, to its chunk's or its own end. Memory is the caller's; the
// runs do not overlap and need their elements' natural alignment only.
template <typename T>
struct UpdateSegment {
  std::string_view tensor;
  // Index in the tensor of the segment's first block of kBlockElements.
  uint64_t first_block = 0;
  std::span<const T> weights;
  // In: the sum of the gradient over the step's leaves. Out: the new weights.
  std::span<T> accumulator;
  // In the order of SlotNames(), each as long as `weights`; updated in place. Zeros before the first update.
  std::span<T* const> slots;
  // Whether weight decay applies to the tensor.
  bool decay = true;
};

struct UpdateResult {
  // The segment's part of the state fingerprint after the step (common/fingerprint/state_fingerprint.h).
  uint64_t fingerprint = 0;
  // Whether every weight and slot written is finite. An infinite or NaN gradient always leaves a trace there.
  // True for a skipped step.
  bool finite = true;
};

// An optimizer's arithmetic, element by element, the same bits at every level: it runs over every parameter once a
// step, block by block, and makes the fingerprint while the block is in the cache. The old weights are only read: they
// remain as the weights of the step before. Immutable and thread-safe; segments may be updated side by side.
//
// To add a rule, follow sgd.{h,cc} (no slots) or adam.{h,cc}: options, slot names, the constants of a step, the formula
// of one element. Vectorisation, types, blocks, finiteness and fingerprints come from ElementwiseRule. Adagrad and
// RMSProp fit as they are. A rule with a norm per tensor (LAMB) is two such passes with an exchange between them, as
// clipping is: the first updates the moments and leaves the direction in the accumulator and its segment's sum of
// squares; the sums travel with the gate's and are joined per tensor; the second is an SGD pass whose learning rate is
// multiplied by the tensor's trust ratio.
class UpdateRule {
 public:
  virtual ~UpdateRule() = default;

  // As PyTorch calls them, in byte order. Checkpoints name them `<parameter>.<slot>`.
  virtual std::span<const std::string_view> SlotNames() const = 0;

  virtual UpdateResult Apply(CpuLevel level, const UpdateStep& step, const UpdateSegment<float>& segment) const = 0;
  virtual UpdateResult Apply(CpuLevel level, const UpdateStep& step, const UpdateSegment<double>& segment) const = 0;
};

}  // namespace banyan

#endif  // BANYAN_COMMON_OPTIMIZER_UPDATE_RULE_H_
