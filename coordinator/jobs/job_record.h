#ifndef BANYAN_COORDINATOR_JOBS_JOB_RECORD_H_
#define BANYAN_COORDINATOR_JOBS_JOB_RECORD_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/data/data_facts.h"
#include "common/protocol/chunk_map.h"
#include "common/protocol/session.h"
#include "coordinator/membership/members.h"
#include "proto/job.pb.h"

namespace banyan::coordinator {

// What is kept of a job: everything that a restarted coordinator needs, but for the lines and events beside it.
struct JobRecord {
  std::string id;
  uint64_t number = 0;              // in order of submission, from 1
  v1::Job job;                      // every default filled in
  std::vector<uint32_t> leaf_plan;  // leaves by worker; empty: planned
  std::string idempotency_key;
  std::string fingerprint;  // empty before the data are known

  JobState state = JobState::kQueued;
  bool pausing = false;  // STOPPING is to end in PAUSED
  std::string reason;  // why it is in this state; empty: nothing to say
  // Found out when the job first started, fixed from then on.
  std::optional<DataFacts> data;
  std::string initial_weights;  // hash of what init_from holds; empty: none, or not loaded yet
  std::string device_kind;

  // Counts how often it was begun, for processes that had it in an older life.
  uint32_t life = 1;
  // (term, restore point, map) are written together before anyone hears of the term.
  Term term = 0;
  RestorePoint restore;
  ChunkMap map;  // without servers: the term is over, the next one is to begin
  // Step of the newest published checkpoint and its directory; nothing before the first.
  std::optional<RestorePoint> checkpoint;

  // Where it was forked; fork.h.
  struct Fork {
    std::string parent;  // its id
    Step step = 0;
    Step least = 0;       // from which steps on the parent's recipe made its states: where it was forked itself
    v1::Recipe recipe;    // the parent's
    RestorePoint source;  // the parent's checkpoint at or before the step; step 0: its initial state
    // The job's own checkpoint at the step, and its hash; nothing before it is made.
    std::optional<RestorePoint> origin;
    std::string state_hash;
  };
  std::optional<Fork> fork;

  absl::Time submitted = absl::InfinitePast();
  absl::Time started = absl::InfinitePast();
  absl::Time finished = absl::InfinitePast();
  absl::Duration train_time;                         // in RUNNING
  absl::Time train_time_at = absl::InfinitePast();  // when that was counted

  // Of the processes that have left it: cumulative counters, and the most memory of each by name, in bytes.
  std::map<std::string, uint64_t> counters;
  std::map<std::string, uint64_t> peak_rss_bytes;
  // Who worked for it last, and how the leaves were shared out, once it has come to rest.
  std::vector<Introduction> crew;
  std::optional<Assignment> assignment;
};

// Something that happened to a job.
struct JobEvent {
  absl::Time time;
  Step step = 0;
  std::string type;  // "WORKER_LOST"
  std::string who;   // "worker-1"; empty: nobody
  std::string text;
};

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_JOBS_JOB_RECORD_H_
