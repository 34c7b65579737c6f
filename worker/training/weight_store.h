#ifndef BANYAN_WORKER_TRAINING_WEIGHT_STORE_H_
#define BANYAN_WORKER_TRAINING_WEIGHT_STORE_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/chunk_layout.h"
#include "common/model/graph.h"
#include "common/tensor/payload.h"
#include "worker/compute/program.h"
#include "worker/device/device.h"

namespace banyan::worker {

// The weights that a worker computes with: a buffer for each parameter on its device, read by all lanes. A chunk's new
// weights are copied over the old ones, once, so nobody computes meanwhile (the step machine sees to it).
class WeightStore {
 public:
  // Content undefined until every chunk is installed. All outlive the store.
  static absl::StatusOr<std::unique_ptr<WeightStore>> Create(Device& device, const Graph& graph,
                                                             const ChunkLayout& chunks);

  // By ParameterId; the views never change.
  Weights views() const { return views_; }

  // INVALID_ARGUMENT when `data` is not as long as the chunk; then nothing changes.
  absl::Status Install(ChunkId chunk, const Payload& data);

 private:
  explicit WeightStore(const ChunkLayout& chunks) : chunks_(chunks) {}

  const ChunkLayout& chunks_;
  std::unique_ptr<Stream> stream_;
  std::vector<Buffer> buffers_;
  std::vector<ConstView> views_;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_TRAINING_WEIGHT_STORE_H_
