#ifndef BANYAN_COMMON_CHECKPOINT_HASHES_H_
#define BANYAN_COMMON_CHECKPOINT_HASHES_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/checkpoint/reader.h"
#include "common/checkpoint/tensor_files.h"

namespace banyan {

// SHA-256 over tensors in byte order of name, in hex; of each: name, NUL, safetensors' dtype, NUL, the shape as decimal
// numbers joined by commas, NUL, its bytes. tests/checkpoint/hashes.py computes the same.
struct CheckpointHashes {
  std::string weights;  // trainable and frozen parameters
  std::string state;    // everything: weights, statistics, slots as `<parameter>.<slot>`, and `step`
};

// Reads all of the checkpoint, 1 MiB at a time. DATA_LOSS where it is damaged.
absl::StatusOr<CheckpointHashes> ComputeHashes(const CheckpointReader& checkpoint);

// The same over all tensors of an `init_from` directory, however they lie in files.
absl::StatusOr<std::string> ComputeHash(const TensorFiles& weights);

}  // namespace banyan

#endif  // BANYAN_COMMON_CHECKPOINT_HASHES_H_
