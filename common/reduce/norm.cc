#include "common/reduce/norm.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/base/check.h"
#include "common/cpu/run_at.h"

namespace banyan {
namespace {

constexpr size_t kLanes = 16;

template <typename T>
BANYAN_INLINE double BlockLoop(const T* values, size_t n) {
  double lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const double value = values[i + lane];
      lanes[lane] += value * value;
    }
  }
  for (size_t lane = 0; i < n; ++i, ++lane) {
    const double value = values[i];
    lanes[lane] += value * value;
  }
  for (size_t half = kLanes / 2; half > 0; half /= 2) {
    for (size_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  }
  return lanes[0];
}

template <typename T>
double Block(CpuLevel level, std::span<const T> block) {
  CHECK_LE(block.size(), kBlockElements);
  return RunAt(level, [&]() __attribute__((always_inline)) { return BlockLoop<T>(block.data(), block.size()); });
}

template <typename T>
double Segment(CpuLevel level, std::span<const T> segment) {
  std::vector<double> blocks;
  blocks.reserve((segment.size() + kBlockElements - 1) / kBlockElements);
  for (size_t begin = 0; begin < segment.size(); begin += kBlockElements) {
    blocks.push_back(Block<T>(level, segment.subspan(begin, std::min(kBlockElements, segment.size() - begin))));
  }
  return JoinNodes(std::move(blocks));
}

}  // namespace

double BlockSumOfSquares(CpuLevel level, std::span<const float> block) { return Block<float>(level, block); }

double BlockSumOfSquares(CpuLevel level, std::span<const double> block) { return Block<double>(level, block); }

double SegmentSumOfSquares(CpuLevel level, std::span<const float> segment) { return Segment<float>(level, segment); }

double SegmentSumOfSquares(CpuLevel level, std::span<const double> segment) {
  return Segment<double>(level, segment);
}

double JoinNodes(std::vector<double> nodes) {
  if (nodes.empty()) return 0;
  // A level at a time; an odd last node has no sibling and rises as it is.
  while (nodes.size() > 1) {
    const size_t pairs = nodes.size() / 2;
    for (size_t i = 0; i < pairs; ++i) nodes[i] = nodes[2 * i] + nodes[2 * i + 1];
    if (nodes.size() % 2 == 1) nodes[pairs] = nodes.back();
    nodes.resize(pairs + nodes.size() % 2);
  }
  return nodes[0];
}

double JoinTensors(std::vector<TensorSum> tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const TensorSum& a, const TensorSum& b) { return a.name < b.name; });
  double total = 0;
  for (const TensorSum& tensor : tensors) total += tensor.sum_of_squares;
  return total;
}

StepNorm ComputeStepNorm(double sum_of_squares, double weight, double loss_scale, double clip_norm) {
  const double divisor = weight * loss_scale;
  CHECK_GT(divisor, 0);
  StepNorm step;
  step.norm = std::sqrt(sum_of_squares) / divisor;
  const double clip = clip_norm > 0 ? std::min(1.0, clip_norm / (step.norm + 1e-6)) : 1.0;
  step.gradient_factor = clip / divisor;
  return step;
}

}  // namespace banyan
