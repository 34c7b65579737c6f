#include "common/model/build.h"

#include "common/model/gpt.h"
#include "common/model/layer_list.h"
#include "common/model/linear.h"
#include "proto/job.pb.h"

namespace banyan {

absl::StatusOr<Graph> BuildGraph(const v1::Model& model, const DataFacts& data) {
  switch (model.kind_case()) {
    case v1::Model::kLinear: return BuildLinear(model.linear(), data);
    case v1::Model::kGpt: return BuildGpt(model.gpt(), data);
    case v1::Model::kLayers: return BuildLayerList(model.layers(), data);
    case v1::Model::KIND_NOT_SET: break;
  }
  return absl::InvalidArgumentError("recipe.model: no model, expected one of linear, gpt, layers");
}

}  // namespace banyan
