#ifndef BANYAN_COMMON_MODEL_BUILD_H_
#define BANYAN_COMMON_MODEL_BUILD_H_

#include "absl/status/statusor.h"
#include "common/data/data_facts.h"
#include "common/model/graph.h"

namespace banyan {

namespace v1 {
class Model;
}  // namespace v1

// The graph of a job's model. `model` has its defaults filled in and its fields within the bounds of proto/job.proto.
// Of `data` only vocabulary, features and targets matter.
// INVALID_ARGUMENT when model and data do not fit together, with the field first and nothing rounded:
// `recipe.model.gpt.heads: 5 does not divide width 128`.
absl::StatusOr<Graph> BuildGraph(const v1::Model& model, const DataFacts& data);

}  // namespace banyan

#endif  // BANYAN_COMMON_MODEL_BUILD_H_
