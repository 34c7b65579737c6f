#ifndef BANYAN_SERVER_SERVICE_PART_MERGER_H_
#define BANYAN_SERVER_SERVICE_PART_MERGER_H_

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "common/protocol/session.h"

namespace banyan::server {

// Makes one part a server of the parts of its shards: the coordinator waits for one from every server that has
// tensors. Thread-compatible.
class PartMerger {
 public:
  // Another term or map: how many shards have tensors.
  void Start(Term term, Epoch epoch, size_t shards);

  // A shard's part; the server's, once all are there.
  std::vector<CheckpointPart> Add(uint32_t shard, CheckpointPart part);

 private:
  Term term_ = 0;
  Epoch epoch_ = 0;
  size_t shards_ = 0;
  std::map<Step, std::map<uint32_t, CheckpointPart>> open_;
};

}  // namespace banyan::server

#endif  // BANYAN_SERVER_SERVICE_PART_MERGER_H_
