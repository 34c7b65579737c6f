#ifndef BANYAN_COMMON_MODEL_GRAPH_BUILDER_H_
#define BANYAN_COMMON_MODEL_GRAPH_BUILDER_H_

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/describe_layer.h"
#include "common/model/graph.h"

namespace banyan {

// Makes a Graph layer by layer, inferring shapes and numbering uses. Thread-compatible.
class GraphBuilder {
 public:
  // What a model says of a layer's parameter instead of its slot's name and initialiser.
  struct ParameterChoice {
    std::string name;  // one that exists already: a further use of it, whose shape must be the same
    Initializer initializer = {};
  };

  GraphBuilder(Tensor input, Tensor targets);

  TensorId input() const { return graph_.input; }

  // Adds a layer that is no loss and returns its output. `parameters` is empty, or has one for each of the type's
  // slots. Errors quote no field of a job: the caller knows which.
  absl::StatusOr<TensorId> Add(std::string name, const LayerAttributes& attributes, std::vector<TensorId> inputs,
                               const std::vector<ParameterChoice>& parameters = {});

  // Adds the loss of `prediction` against the targets and returns the graph. Refuses a tensor that nothing reads.
  absl::StatusOr<Graph> Finish(std::string name, const LayerAttributes& loss, TensorId prediction) &&;

 private:
  absl::Status AddLayer(std::string name, const LayerAttributes& attributes, std::vector<TensorId> inputs,
                        const std::vector<ParameterChoice>& parameters);
  absl::StatusOr<ParameterUse> AddUse(const ParameterSlot& slot, const ParameterChoice& choice);

  Graph graph_;
  std::unordered_set<std::string> names_;  // of layers and inputs
  std::unordered_map<std::string, ParameterId> parameters_;
  std::vector<bool> read_;  // per tensor
};

}  // namespace banyan

#endif  // BANYAN_COMMON_MODEL_GRAPH_BUILDER_H_
