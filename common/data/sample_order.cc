#include "common/data/sample_order.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/tree/tree.h"

namespace banyan {

SampleOrder::SampleOrder(const Options& options) : options_(options), leaves_(0) {
  CHECK_GE(options.samples, 1u);
  CHECK_GE(options.batch, 1u);
  CHECK_GE(options.leaf, 1u);
  const uint64_t leaves = (options.batch - 1) / options.leaf + 1;
  CHECK_LE(leaves, Tree::kMaxLeaves);
  leaves_ = static_cast<uint32_t>(leaves);
}

uint64_t SampleOrder::LeafSize(uint32_t leaf) const {
  CHECK_LT(leaf, leaves_);
  return std::min(options_.leaf, options_.batch - leaf * options_.leaf);
}

uint64_t SampleOrder::GlobalIndex(uint64_t step, uint32_t leaf, uint64_t i) const {
  CHECK_GE(step, 1u);
  CHECK_LT(i, LeafSize(leaf));
  const uint64_t index = (step - 1) * options_.batch + leaf * options_.leaf + i;
  CHECK_GE(static_cast<int64_t>(index) + options_.base, 0);
  return index + static_cast<uint64_t>(options_.base);
}

std::vector<uint64_t> SampleOrder::LeafSamples(uint64_t step, uint32_t leaf) const {
  std::vector<uint64_t> samples(LeafSize(leaf));
  ForEachLeafSample(step, leaf, [&](uint64_t i, uint64_t id) { samples[i] = id; });
  return samples;
}

int64_t ForkBase(int64_t parent_base, uint64_t step, uint64_t parent_batch, uint64_t batch) {
  return parent_base + static_cast<int64_t>(step) * (static_cast<int64_t>(parent_batch) - static_cast<int64_t>(batch));
}

}  // namespace banyan
