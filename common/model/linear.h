#ifndef BANYAN_COMMON_MODEL_LINEAR_H_
#define BANYAN_COMMON_MODEL_LINEAR_H_

#include "absl/status/statusor.h"
#include "common/model/build.h"

namespace banyan {

namespace v1 {
class Linear;
}  // namespace v1

// Linear regression: layers `linear` and `loss` (mean squared error), parameters `linear.weight` [outputs, features]
// and `linear.bias` [outputs], named, laid out and initialised as torch.nn.Linear called `linear`.
absl::StatusOr<Graph> BuildLinear(const v1::Linear& linear, const DataFacts& data);

}  // namespace banyan

#endif  // BANYAN_COMMON_MODEL_LINEAR_H_
