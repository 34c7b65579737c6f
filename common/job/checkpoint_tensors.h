#ifndef BANYAN_COMMON_JOB_CHECKPOINT_TENSORS_H_
#define BANYAN_COMMON_JOB_CHECKPOINT_TENSORS_H_

#include <span>
#include <string_view>
#include <vector>

#include "common/checkpoint/layout.h"
#include "common/job/job_plan.h"

namespace banyan {

// The tensors of a job's checkpoints, where its update rule has these slots: what servers write and the coordinator
// publishes.
std::vector<CheckpointTensor> CheckpointTensorsOf(const JobPlan& plan, std::span<const std::string_view> slots);

}  // namespace banyan

#endif  // BANYAN_COMMON_JOB_CHECKPOINT_TENSORS_H_
