#ifndef BANYAN_WORKER_DATA_DATASET_H_
#define BANYAN_WORKER_DATA_DATASET_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "common/data/data_facts.h"

namespace banyan::worker {

enum class DataPart {
  kTraining,  // samples 0 .. facts().samples - 1
  kHeldOut,   // samples 0 .. facts().held_out_samples - 1
};

// A job's data, found by position: no order and no state, so any worker reads any sample at any time (which samples a
// leaf has: leaf_reader.h). Immutable and thread-safe once opened.
//
// A sample is an input and a target in the elements that the graph's `input` and `targets` tensors have: int32 tokens
// [context] twice for text, fp32 [features] and [targets] for tables.
//
// facts().hash is over the content and over all that decides how samples are cut from it (tokenizer, context, where the
// held-out part begins): data sets with equal hashes have equal samples.
class Dataset {
 public:
  virtual ~Dataset() = default;

  const DataFacts& facts() const { return facts_; }

  virtual size_t input_bytes() const = 0;
  virtual size_t target_bytes() const = 0;

  // Writes sample `sample`, which the part must have, into buffers of input_bytes() and target_bytes(), aligned for
  // their elements. Never allocates or fails: what could be wrong with the data was found when it was opened.
  virtual void Read(DataPart part, uint64_t sample, std::span<std::byte> input, std::span<std::byte> target) const = 0;

 protected:
  explicit Dataset(DataFacts facts) : facts_(std::move(facts)) {}

 private:
  const DataFacts facts_;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_DATA_DATASET_H_
