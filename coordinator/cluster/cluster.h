#ifndef BANYAN_COORDINATOR_CLUSTER_CLUSTER_H_
#define BANYAN_COORDINATOR_CLUSTER_CLUSTER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/jobs/fork.h"
#include "coordinator/jobs/job_effects.h"
#include "coordinator/jobs/job_machine.h"
#include "coordinator/membership/members.h"

namespace banyan::coordinator {

// All that the coordinator decides: who is there, which jobs there are, who works for which. Pure, like JobMachine.
// Thread-compatible.
//
// Servers serve many jobs, workers one. The oldest job chooses first. A job that waits to begin takes its servers and
// workers all at once or not at all, so it keeps nobody from a younger one that needs less.
class Cluster {
 public:
  using Now = JobMachine::Now;

  struct Options {
    uint64_t coordinator_term = 1;
    std::string jobs_directory;  // absolute; a job's checkpoints lie in the folder of its id
    Members::Leases leases;
    absl::Duration stall_limit = absl::Seconds(60);
    uint64_t first_number = 1;  // of a job that is submitted to an empty store
    // Makes a new id durable.
    std::function<void(Role role, const std::string& name, uint64_t id)> store_id;
  };

  Cluster(Options options, JobEffects& effects)
      : options_(std::move(options)), effects_(effects), members_(options_.leases) {}

  // ---- What the store has, before anything else. Jobs in order of number.
  void RestoreMember(Role role, const std::string& name, uint64_t id) { members_.Restore(role, name, id); }
  void RestoreJob(JobRecord record, Step lines_through, Now now);

  // ---- Processes.
  struct Heard {
    Introduction introduction;
    bool draining = false;
    uint64_t rss_bytes = 0;                                // 0: not told
    std::vector<std::pair<std::string, JobReport>> jobs;  // by id
  };
  // Returns the process's id.
  uint64_t Hear(const Heard& heard, Now now);
  // The stream of this life of a process ended.
  void Leave(Role role, uint64_t id, Incarnation incarnation, Now now);
  void Tick(Now now);
  // What a process shall do: its jobs, by id.
  std::map<std::string, JobOrder> OrdersFor(Role role, uint64_t id) const;
  // Whether a draining process has nothing left; whether a worker's job is over, for it is for no other one.
  bool MayLeave(Role role, uint64_t id) const;

  // ---- Jobs. `key` names a submission: a second one with the same key is the first one's retry. INVALID_ARGUMENT with
  // every diagnostic where the job cannot run.
  absl::StatusOr<std::string> Submit(const v1::Job& job, std::vector<uint32_t> leaf_plan, const std::string& key,
                                     Now now);
  // A new job that begins with the state of job `parent` (its id); errors as CheckForkStep and MakeFork say.
  absl::StatusOr<std::string> Fork(const std::string& parent, ForkRequest request, const std::string& key, Now now);
  absl::Status Stop(const std::string& id, bool at_once, Now now);
  absl::Status Pause(const std::string& id, Now now);
  absl::Status Resume(const std::string& id, const v1::Run* run, std::vector<uint32_t> leaf_plan, Now now);
  // Changes run.workers.min and max; 0: as it is, a least above the most becomes the most.
  absl::Status ScaleWorkers(const std::string& id, uint32_t min, uint32_t max, Now now);
  // INVALID_ARGUMENT where chunks could not have as many copies as run.servers.replicas says.
  absl::Status ScaleServers(const std::string& id, uint32_t count, Now now);
  // What becomes of JobEffects::Publish and FindRestorePoint.
  void OnPublished(const std::string& job, Term term, Step step, const RestorePoint& point, const absl::Status& status,
                   Now now, const std::string& state_hash = "");
  void OnRestorePoint(const std::string& job, Term term, const absl::StatusOr<RestorePoint>& found, Now now);

  // By id, by name (the newest of that name) or `@last`. NOT_FOUND names what is near.
  absl::StatusOr<const JobMachine*> Find(const std::string& name) const;
  // Null: no such id.
  const JobMachine* Job(const std::string& id) const;
  std::vector<const JobMachine*> Jobs() const;  // oldest first
  const Members& members() const { return members_; }
  // Jobs that the process has a part in.
  std::vector<std::string> JobsOf(Role role, uint64_t id) const;

 private:
  JobMachine::Options OptionsFor(const std::string& id) const;
  uint64_t NextNumber() const;
  std::set<CheckpointName> SourcesIn(const std::string& id) const;
  // A job of the same submission. Null: none.
  const JobMachine* SubmittedAs(const std::string& key) const;
  absl::Status CheckJob(const v1::Job& job, const std::vector<uint32_t>& leaf_plan) const;
  // Numbers the job, writes it and queues it.
  std::string Enqueue(JobRecord record, const std::string& key, Step lines_through, Now now);
  void Remove(Role role, uint64_t id, bool lost, const std::string& why, Now now);
  // Jobs that can spare a server go on without one that is silent, or that its peers cannot reach.
  void Suspect(Now now);
  // Gives jobs what they lack and lets them go on.
  void Distribute(Now now);
  // What a job that cannot go on needs, in words; empty: nothing.
  std::string Lacking(const JobMachine& job, Now now) const;
  void Fill(JobMachine& job, Now now);
  std::vector<const Members::Member*> FreeServers(const JobMachine& job, Now now) const;
  std::vector<const Members::Member*> IdleWorkers(const JobMachine& job) const;
  bool BusyElsewhere(const JobMachine& job, Now now) const;
  // NOT_FOUND where there is no job of this id; what it changes may free processes for others.
  absl::Status Change(const std::string& id, Now now, const std::function<absl::Status(JobMachine&)>& change);

  // A life of a worker is for one life of one job.
  struct Use {
    Incarnation incarnation;
    std::string job;
    uint32_t life = 0;

    friend bool operator==(const Use&, const Use&) = default;
  };
  static Use UseFor(const JobMachine& job, const Members::Member& worker);

  const Options options_;
  JobEffects& effects_;
  Members members_;
  std::map<uint64_t, std::unique_ptr<JobMachine>> jobs_;  // by number
  std::map<uint64_t, Use> uses_;                          // by worker
};

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_CLUSTER_CLUSTER_H_
