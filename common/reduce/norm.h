#ifndef BANYAN_COMMON_REDUCE_NORM_H_
#define BANYAN_COMMON_REDUCE_NORM_H_

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "common/cpu/cpu_level.h"

namespace banyan {

// Elements of a block: the unit in which sums of squares and fingerprints are made. A tensor's last may be shorter.
inline constexpr size_t kBlockElements = 4096;

// The sum of squares of a set of tensors, in fp64, in one order wherever and however it is computed:
//
//   element   x -> double(x) * double(x)
//   lanes     lane l of a block (l = 0..15) sums its elements l, l + 16, l + 32, ... from first to last
//   block     lanes are added in halves: l += l + 8 (l < 8), then l + 4, l + 2, l + 1
//   tensor    a binary tree over its blocks: node (j, k) covers blocks k * 2^j .. (k + 1) * 2^j - 1 and is
//             left + right; a node whose right half is empty is its left child
//   total     tensors one after the other, in byte order of name
//
// A chunk holds 2^k blocks and a tensor's run of blocks in it (a segment) starts at a multiple of that, so a segment's
// sum is a node of the tensor's tree and the total depends neither on the chunk size nor on placement.
// A NaN or an infinity in the input makes every sum above it non-finite.

// Sum over one block (at most kBlockElements).
double BlockSumOfSquares(CpuLevel level, std::span<const float> block);
double BlockSumOfSquares(CpuLevel level, std::span<const double> block);

// Sum over a segment: a tensor's elements from a block's start on, to the chunk's or the tensor's end.
double SegmentSumOfSquares(CpuLevel level, std::span<const float> segment);
double SegmentSumOfSquares(CpuLevel level, std::span<const double> segment);

// The root of the tree over neighbouring nodes of one level: blocks of a segment, or all segments of a tensor in
// order. 0 for none.
double JoinNodes(std::vector<double> nodes);

struct TensorSum {
  std::string_view name;
  double sum_of_squares = 0;
};

// The total over tensors, given in any order. Names differ.
double JoinTensors(std::vector<TensorSum> tensors);

// What one step's gradient *sum* is multiplied by, once, in the update. `weight` is the step's weight sum and must not
// be 0 (such a step is skipped); `loss_scale` is 1 without loss scaling.
struct StepNorm {
  // Of the mean gradient: sqrt(sum of squares) / (weight * loss_scale).
  double norm = 0;
  // min(1, clip / (norm + 1e-6)) / (weight * loss_scale), as torch.nn.utils.clip_grad_norm_ clips.
  double gradient_factor = 1;
};

// `clip_norm` <= 0: no clipping.
StepNorm ComputeStepNorm(double sum_of_squares, double weight, double loss_scale, double clip_norm);

}  // namespace banyan

#endif  // BANYAN_COMMON_REDUCE_NORM_H_
