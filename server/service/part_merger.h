#ifndef BANYAN_SERVER_SERVICE_PART_MERGER_H_
#define BANYAN_SERVER_SERVICE_PART_MERGER_H_

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "common/job/job_plan.h"
#include "common/protocol/session.h"

namespace banyan::server {

// Makes one part a server of the parts of its shards: the coordinator waits for one from every server of the map. A
// server without tensors has nothing to write and says so for each step. Thread-compatible.
class PartMerger {
 public:
  explicit PartMerger(const JobPlan& plan) : plan_(plan) {}

  // Another term: how many shards have tensors.
  void Start(Term term, const RestorePoint& point, size_t shards);

  // A shard's part; the server's, once all are there.
  std::vector<CheckpointPart> Add(uint32_t shard, CheckpointPart part);

  // Of a server without tensors: parts of the ordered step and of the next scheduled one after `ledger_through`.
  std::vector<CheckpointPart> Empty(Step ordered, Step ledger_through) const;

 private:
  const JobPlan& plan_;
  Term term_ = 0;
  Step point_ = 0;
  size_t shards_ = 0;
  std::map<Step, std::map<uint32_t, CheckpointPart>> open_;
};

}  // namespace banyan::server

#endif  // BANYAN_SERVER_SERVICE_PART_MERGER_H_
