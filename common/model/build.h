#ifndef BANYAN_COMMON_MODEL_BUILD_H_
#define BANYAN_COMMON_MODEL_BUILD_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "common/model/graph.h"

namespace banyan {

namespace v1 {
class Model;
}  // namespace v1

// What a model must know of the data. Text has a vocabulary, tables have features and targets; the rest is 0.
struct DataShape {
  int64_t vocabulary = 0;
  int64_t features = 0;  // numbers a sample
  int64_t targets = 0;   // numbers a sample

  friend bool operator==(const DataShape&, const DataShape&) = default;
};

// The graph of a job's model. `model` has its defaults filled in and its fields within the bounds of proto/job.proto.
// INVALID_ARGUMENT when model and data do not fit together, with the field first and nothing rounded:
// `recipe.model.gpt.heads: 5 does not divide width 128`.
absl::StatusOr<Graph> BuildGraph(const v1::Model& model, const DataShape& data);

}  // namespace banyan

#endif  // BANYAN_COMMON_MODEL_BUILD_H_
