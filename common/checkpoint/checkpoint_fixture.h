#ifndef BANYAN_COMMON_CHECKPOINT_CHECKPOINT_FIXTURE_H_
#define BANYAN_COMMON_CHECKPOINT_CHECKPOINT_FIXTURE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/checkpoint/checkpoint_name.h"
#include "common/checkpoint/layout.h"
#include "common/checkpoint/reader.h"
#include "common/checkpoint/writer.h"
#include "common/file/file_system.h"
#include "proto/checkpoint.pb.h"

// A small model's checkpoint for tests. A tensor's bytes are a function of its name, the step and the term.
namespace banyan::fixture {

inline constexpr char kJob[] = "/job";

// Two parameters with two slots each, one frozen, one statistic, one empty; F32 and BF16.
CheckpointLayout SmallLayout();

std::string TensorBytes(const CheckpointLayout& layout, const std::string& tensor, const CheckpointName& name);

// What server `index` of `count` does: writes every `count`-th piece of `piece` elements. Returns its ranges.
absl::StatusOr<std::vector<PartRange>> WritePart(FileSystem& files, const CheckpointLayout& layout,
                                                 const std::string& job, const CheckpointName& name, int index = 0,
                                                 int count = 1, int64_t piece = 7);

v1::CheckpointManifest Facts(const CheckpointName& name);

// All servers, one after another, and then the coordinator.
absl::Status WriteAndPublish(FileSystem& files, const CheckpointLayout& layout, const std::string& job,
                             const CheckpointName& name, int servers = 2);

// Whether every tensor of `reader` has its bytes.
absl::Status CheckRight(const CheckpointReader& reader);

}  // namespace banyan::fixture

#endif  // BANYAN_COMMON_CHECKPOINT_CHECKPOINT_FIXTURE_H_
