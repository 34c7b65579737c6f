#include "coordinator/service/publish.h"

#include <vector>

#include "common/base/status.h"
#include "common/checkpoint/layout.h"
#include "common/job/checkpoint_tensors.h"
#include "common/optimizer/factory.h"
#include "coordinator/jobs/fork.h"
#include "coordinator/store/record_codec.h"
#include "proto/checkpoint.pb.h"

namespace banyan::coordinator {

absl::Status PublishParts(FileSystem& files, const std::string& directory, const JobRecord& record,
                          const JobEffects::PublishRequest& request, absl::Time now) {
  const v1::Job job = PresentJob(record);
  const v1::Recipe& recipe = job.recipe();
  ASSIGN_OR_RETURN(const OptimizerPlan optimizer, MakeOptimizer(recipe.optimizer()));
  ASSIGN_OR_RETURN(const CheckpointLayout layout,
                   CheckpointLayout::Create(CheckpointTensorsOf(*request.plan, optimizer.rule->SlotNames())));
  v1::CheckpointManifest facts;
  facts.set_job_id(record.id);
  facts.set_job_name(record.job.name());
  facts.set_recipe_fingerprint(record.fingerprint);
  *facts.mutable_recipe() = recipe;
  facts.set_data_hash(request.plan->data_hash);
  facts.set_step(request.step);
  facts.set_term(request.term);
  if (request.step > 0) facts.set_device_kind(record.device_kind);
  if (record.fork.has_value()) *facts.mutable_forked_from() = EncodeForkPoint(*record.fork);
  const absl::Duration since = now - absl::UnixEpoch();
  facts.mutable_created()->set_seconds(absl::ToInt64Seconds(since));
  facts.mutable_created()->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(since % absl::Seconds(1))));
  std::vector<PartRange> ranges;
  for (const CheckpointPart& part : request.parts) {
    for (const CheckpointPart::Range& range : part.ranges) {
      ranges.push_back({.file = range.file, .offset = range.offset, .size = range.size, .checksum = range.checksum});
    }
  }
  return PublishCheckpoint(files, layout, directory, facts, ranges);
}

}  // namespace banyan::coordinator
