#ifndef BANYAN_WORKER_TRAINING_PARAMETER_STORE_H_
#define BANYAN_WORKER_TRAINING_PARAMETER_STORE_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/job/job_plan.h"
#include "common/protocol/ids.h"
#include "common/tensor/payload.h"
#include "worker/compute/program.h"
#include "worker/device/device.h"

namespace banyan::worker {

// A job's weights on a device, one tensor after the other. Written while no leaf is being computed.
class ParameterStore {
 public:
  // `plan` and `device` outlive the store. The content is undefined until every chunk has been put in place.
  static absl::StatusOr<std::unique_ptr<ParameterStore>> Create(const JobPlan& plan, Device& device);

  // Puts a chunk's weights in place. INVALID_ARGUMENT when they are not as long as the chunk.
  absl::Status Install(ChunkId chunk, const Payload& weights);

  // By ParameterId.
  Weights weights() const { return views_; }

 private:
  explicit ParameterStore(const JobPlan& plan) : plan_(plan) {}

  const JobPlan& plan_;
  Buffer buffer_;
  std::unique_ptr<Stream> stream_;
  std::vector<View> tensors_;
  std::vector<ConstView> views_;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_TRAINING_PARAMETER_STORE_H_
