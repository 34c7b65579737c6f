#include "common/model/linear.h"

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/model/graph_builder.h"
#include "proto/job.pb.h"

namespace banyan {

absl::StatusOr<Graph> BuildLinear(const v1::Linear& linear, const DataFacts& data) {
  if (data.features == 0) {
    return absl::InvalidArgumentError(
        "recipe.model.linear: linear reads features, the data has none; use recipe.data.table or synthetic_regression");
  }
  CHECK(linear.has_outputs() && linear.has_bias());  // defaults are filled in
  const int64_t outputs = linear.outputs();
  if (outputs != data.targets) {
    return absl::InvalidArgumentError(
        absl::StrCat("recipe.model.linear.outputs: ", outputs, ", the data has ", data.targets, " targets a sample"));
  }
  GraphBuilder builder({.name = "features", .element = ElementKind::kReal, .shape = {data.features}},
                       {.name = "targets", .element = ElementKind::kReal, .shape = {data.targets}});
  const LinearAttributes attributes{.units = outputs, .bias = linear.bias()};
  absl::StatusOr<TensorId> y = builder.Add("linear", attributes, {builder.input()});
  if (!y.ok()) return Annotate(y.status(), "recipe.model.linear");
  return std::move(builder).Finish("loss", MeanSquaredErrorAttributes(), *y);
}

}  // namespace banyan
