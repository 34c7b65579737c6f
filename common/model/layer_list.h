#ifndef BANYAN_COMMON_MODEL_LAYER_LIST_H_
#define BANYAN_COMMON_MODEL_LAYER_LIST_H_

#include "absl/status/statusor.h"
#include "common/model/build.h"

namespace banyan {

namespace v1 {
class LayerList;
}  // namespace v1

// A model that the job file lists layer by layer, over the features of a table. Layers and parameters are named,
// laid out and initialised as PyTorch's of the same kind; gelu is the one by tanh. A layer reads those before it only.
// Under cross_entropy the data's one target is the number of the class, 0 .. units of the layer before - 1.
absl::StatusOr<Graph> BuildLayerList(const v1::LayerList& list, const DataFacts& data);

}  // namespace banyan

#endif  // BANYAN_COMMON_MODEL_LAYER_LIST_H_
