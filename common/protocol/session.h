#ifndef BANYAN_COMMON_PROTOCOL_SESSION_H_
#define BANYAN_COMMON_PROTOCOL_SESSION_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/data/data_facts.h"
#include "common/protocol/chunk_map.h"
#include "common/protocol/ids.h"
#include "common/protocol/messages.h"
#include "common/tree/leaf_set.h"
#include "common/tree/node.h"

// What the coordinator tells servers and workers of a job and what they report, as plain values; proto/cluster.proto
// documents every field.
namespace banyan {

enum class JobState { kQueued, kStarting, kRunning, kRecovering, kPaused, kStopping, kStopped, kSucceeded, kFailed };

struct RestorePoint {
  Step step = 0;
  std::string directory;  // empty at step 0

  friend bool operator==(const RestorePoint&, const RestorePoint&) = default;
};

struct Assignment {
  struct Share {
    WorkerId worker;
    std::vector<Node> nodes;

    friend bool operator==(const Share&, const Share&) = default;
  };

  uint64_t version = 0;
  Step from_step = 0;
  uint32_t max_pending = 1;
  std::vector<Share> shares;

  friend bool operator==(const Assignment&, const Assignment&) = default;
};

// The coordinator's word on one job to one process. Always whole: what is absent is lifted.
struct JobOrder {
  uint64_t coordinator_term = 0;
  Term term = 0;
  std::optional<RestorePoint> restore;
  std::optional<ChunkMap> map;
  std::optional<Assignment> assignment;
  Step checkpoint_step = 0;  // 0: none beside the scheduled ones
  std::string checkpoint_directory;
  Step last_step = 0;  // 0: none
  Step ledger_through = 0;
  JobState state = JobState::kQueued;
  bool index_data = false;

  friend bool operator==(const JobOrder&, const JobOrder&) = default;
};

// Checksums of what a server wrote of the checkpoint at `step`.
struct CheckpointPart {
  struct Range {
    std::string file;
    uint64_t offset = 0;
    uint64_t size = 0;
    uint64_t checksum = 0;
  };

  Term term = 0;
  Epoch epoch = 0;  // a part is begun anew with every map
  Step step = 0;
  bool missed = false;
  std::vector<Range> ranges;
  std::string failure;
};

// Somebody waits: for what, for whom, since when.
struct Wait {
  std::string what;
  std::vector<uint64_t> parties;
  std::string detail;
  double since = 0;
};

// A backup that holds what its primary holds, and without which the primary commits nothing.
struct InSync {
  Epoch epoch = 0;
  ChunkId chunk;
  ServerId backup;
  Incarnation incarnation;

  friend bool operator==(const InSync&, const InSync&) = default;
};

// What a worker computed of an audited leaf.
struct LeafAudit {
  Term term = 0;
  Step step = 0;
  uint32_t leaf = 0;
  std::vector<uint64_t> fingerprints;  // of each position's gradient, then of weight and loss

  friend bool operator==(const LeafAudit&, const LeafAudit&) = default;
};

// What one process has to say of one job.
struct JobReport {
  struct OpenStep {
    Step step = 0;
    LeafSet missing;
  };

  Term term = 0;
  Epoch epoch = 0;
  uint64_t assignment_version = 0;
  bool ready = false;
  std::vector<OpenStep> open;
  std::vector<uint64_t> broken_peers;
  std::vector<InSync> in_sync;
  std::vector<CheckpointPart> parts;
  std::vector<Entry> entries;
  std::vector<Wait> waits;
  std::optional<DataFacts> data;
  std::string initial_weights;  // SHA-256 of what init_from holds; empty: not known
  std::string failure;
  bool restore_failed = false;
  double seconds_per_leaf = 0;
  double seconds_per_push = 0;
  std::map<std::string, uint64_t> counters;
  std::vector<LeafAudit> audits;
};

}  // namespace banyan

#endif  // BANYAN_COMMON_PROTOCOL_SESSION_H_
