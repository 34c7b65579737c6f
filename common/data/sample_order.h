#ifndef BANYAN_COMMON_DATA_SAMPLE_ORDER_H_
#define BANYAN_COMMON_DATA_SAMPLE_ORDER_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "common/random/permutation.h"

namespace banyan {

// Which training samples a leaf of a step holds: a function of the job, without state, so that any worker finds any
// leaf of any step at once. Immutable and thread-safe.
//
// The samples of training form one endless line g = 0, 1, 2, ...: sample i of leaf l of step t (steps count from 1) is
//   g = base + (t-1) * batch + l * leaf + i
// and g is sample Permutation(seed, epoch = g div samples, samples).Map(g mod samples). A step's last leaf is short
// where `leaf` does not divide `batch`; a batch runs on over the end of an epoch.
class SampleOrder {
 public:
  struct Options {
    uint64_t seed = 0;
    uint64_t samples = 0;  // N, training samples in the data set, at least 1
    uint64_t batch = 0;    // B, samples a step, at least 1
    uint64_t leaf = 0;     // samples a leaf, at least 1; above `batch` there is one leaf of `batch` samples
    int64_t base = 0;      // 0 but for a fork that changes `batch`: see ForkBase
  };

  explicit SampleOrder(const Options& options);

  // Leaves a step: ceil(batch / leaf).
  uint32_t leaves() const { return leaves_; }

  // Samples of leaf `leaf`, below leaves(): 1 to Options::leaf.
  uint64_t LeafSize(uint32_t leaf) const;

  // g of sample i of a leaf of a step. step >= 1, i < LeafSize(leaf).
  uint64_t GlobalIndex(uint64_t step, uint32_t leaf, uint64_t i) const;

  // The ids, below Options::samples, of a leaf's samples, in order.
  std::vector<uint64_t> LeafSamples(uint64_t step, uint32_t leaf) const;

  // Calls visit(i, id) for each, without allocating.
  template <typename Visit>
  void ForEachLeafSample(uint64_t step, uint32_t leaf, const Visit& visit) const {
    const uint64_t first = GlobalIndex(step, leaf, 0);
    std::optional<Permutation> permutation;
    for (uint64_t i = 0; i < LeafSize(leaf); ++i) {
      const uint64_t position = (first + i) % options_.samples;
      if (!permutation || position == 0) {
        permutation.emplace(options_.seed, (first + i) / options_.samples, options_.samples);
      }
      visit(i, permutation->Map(position));
    }
  }

  const Options& options() const { return options_; }

 private:
  Options options_;
  uint32_t leaves_;
};

// The base with which a job forked after step `step` goes on where its parent, of `parent_base` and `parent_batch`,
// left the line: parent_base + step * (parent_batch - batch).
int64_t ForkBase(int64_t parent_base, uint64_t step, uint64_t parent_batch, uint64_t batch);

}  // namespace banyan

#endif  // BANYAN_COMMON_DATA_SAMPLE_ORDER_H_
