#ifndef BANYAN_COMMON_DATA_HELD_OUT_H_
#define BANYAN_COMMON_DATA_HELD_OUT_H_

#include <cstdint>

namespace banyan {

// A data set's records (rows, or tokens of a text) cut in two: training has records 0 .. training-1, the held-out part
// is the tail after them.
struct DataSplit {
  uint64_t training = 0;
  uint64_t held_out = 0;

  friend bool operator==(const DataSplit&, const DataSplit&) = default;
};

// `share`, in [0, 1), of `records` held out: floor(share * records + 0.5) in fp64, but at least 1 if share > 0 and
// there are two records, and never all.
DataSplit SplitHeldOut(uint64_t records, double share);

// Samples in a text of `tokens` tokens with a context of `context` (at least 1): floor((tokens - 1) / context), for
// sample p is tokens p*context .. p*context + context, the last one only a target. The held-out tail is a text of its
// own.
uint64_t TextSamples(uint64_t tokens, uint64_t context);

// Samples [begin, end) of the held-out part.
struct SampleRange {
  uint64_t begin = 0;
  uint64_t end = 0;

  uint64_t size() const { return end - begin; }
  friend bool operator==(const SampleRange&, const SampleRange&) = default;
};

// The held-out samples whose loss leaf `leaf` of `leaves` carries when an evaluation uses the first `samples` of them:
// run l is [floor(l * samples / leaves), floor((l+1) * samples / leaves)). The runs follow each other, cover every
// sample once and differ in size by at most one; with fewer samples than leaves some are empty (weight 0, loss 0).
SampleRange EvaluationRun(uint64_t samples, uint32_t leaves, uint32_t leaf);

}  // namespace banyan

#endif  // BANYAN_COMMON_DATA_HELD_OUT_H_
