#ifndef BANYAN_COORDINATOR_JOBS_JOB_MACHINE_H_
#define BANYAN_COORDINATOR_JOBS_JOB_MACHINE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/job/job_plan.h"
#include "common/protocol/session.h"
#include "coordinator/jobs/assigner.h"
#include "coordinator/jobs/job_effects.h"
#include "coordinator/jobs/job_record.h"
#include "coordinator/jobs/ledger_book.h"
#include "coordinator/jobs/overdue.h"
#include "coordinator/jobs/progress.h"
#include "coordinator/membership/members.h"
#include "coordinator/shares/audits.h"
#include "coordinator/shares/paces.h"
#include "coordinator/shares/stragglers.h"

namespace banyan::coordinator {

// One job's life: takes what processes report and what people ask, decides, and says at any time what each process
// shall do (OrderFor). Pure: no threads, sockets, clock or disk of its own; what must last goes through JobEffects.
// Thread-compatible. docs/protocol.md gives the rules (R12, R13, terms, assignments).
//
// The cluster gives it processes (Add...), takes them away (Remove...) and then lets it go on (Proceed).
class JobMachine {
 public:
  // The time as the caller's clocks have it.
  struct Now {
    absl::Duration monotonic;
    absl::Time wall;
  };

  struct Options {
    uint64_t coordinator_term = 1;
    std::string checkpoint_directory;  // of this job
    absl::Duration stall_limit = absl::Seconds(60);
    // After the coordinator's restart: how long the servers that had the job are waited for before it goes on without
    // those that it can spare, and before all go back because of the others.
    absl::Duration reclaim = absl::Seconds(2);
    absl::Duration give_up = absl::Seconds(10);
    // How long its peers may say that they cannot reach a server that is heard here.
    absl::Duration accused = absl::Seconds(2);
    // How long two servers that are heard here may be unable to reach each other, or all workers one server.
    absl::Duration cut_off = absl::Seconds(10);
    // A worker that is silent for so long has its leaves computed by others too, though its lease lives.
    absl::Duration silence = absl::Milliseconds(600);
    // Checkpoints that others still need.
    std::function<std::set<CheckpointName>()> pinned = [] { return std::set<CheckpointName>(); };
  };

  // A new job is QUEUED. `lines_through`: the steps that the store has. An active job of a former life recovers.
  JobMachine(JobRecord record, Options options, Step lines_through, JobEffects& effects, Now now);

  // ---- Processes.
  uint32_t servers_wanted(Now now) const;  // more than it has
  uint32_t workers_wanted() const;  // more than it has, up to run.workers.max
  uint32_t least_workers() const;   // that it starts with
  bool AcceptsServer(const Members::Member& server, Now now) const;
  // Whether a worker of this device kind may compute for the job.
  bool AcceptsKind(const std::string& device_kind) const;
  bool Has(Role role, uint64_t id) const;
  size_t workers() const { return workers_.size(); }
  size_t staying() const;  // of them, those that are not to be released
  void AddServer(const Members::Member& server, Now now);
  void AddWorker(const Members::Member& worker, Now now);
  // Dead (`lost`), or taken away. No effect when the job does not have it. `why` is for people.
  void RemoveServer(ServerId id, Now now, const std::string& why = "");
  void RemoveWorker(WorkerId id, bool lost, Now now);
  // A server has come. After the coordinator's restart: if the job had another life of it, that one is dead.
  void Meet(const Members::Member& server, Now now);
  // Whether the job goes on where it is without this server: others have its chunks, in sync.
  bool CanSpare(ServerId id) const;
  // Why the job had better go on without a server that it can spare and that is not known to be dead; kNothing: it need
  // not. To be asked at every tick.
  struct Suspicion {
    enum class Of { kNothing, kSilent, kUnreachable } of = Of::kNothing;
    std::string why;
  };
  Suspicion Suspect(const Members::Member& server, Now now);
  // Its chunks move to others, if there are any; then the job does not have it any more.
  void DrainServer(ServerId id, Now now);
  // Goes on to whatever is possible now.
  void Proceed(Now now);

  // ---- What happens.
  void OnReport(Role role, uint64_t id, const JobReport& report, uint64_t rss_bytes, Now now);
  // `state_hash`: of what a fork begins with; else empty.
  void OnPublished(Term term, Step step, const RestorePoint& point, const absl::Status& status, Now now,
                   const std::string& state_hash = "");
  // What the search of FindRestorePoint in this term found; step 0 without a directory: the initial state.
  void OnRestorePoint(Term term, const absl::StatusOr<RestorePoint>& found, Now now);
  // `busy_elsewhere`: what the job lacks is there and serves other jobs, so its patience does not run out.
  void OnTick(bool busy_elsewhere, Now now);

  // ---- What people ask. FAILED_PRECONDITION, with the reason, where the state does not allow it.
  absl::Status Stop(bool at_once, Now now);
  absl::Status Pause(Now now);
  absl::Status Resume(const v1::Run* run, std::vector<uint32_t> leaf_plan, Now now);
  // Changes run.workers for good; `max` 0: as it is. Workers beyond the most go when the step after next begins.
  absl::Status ScaleWorkers(uint32_t min, uint32_t max, Now now);
  // From now on the job wants so many servers (run.servers.count, durable): it takes those that are free, or lets some
  // go, whose chunks move first. INVALID_ARGUMENT for none.
  absl::Status ScaleServers(uint32_t count, Now now);

  // ---- What is known.
  // Nothing: the process has no part in the job.
  std::optional<JobOrder> OrderFor(Role role, uint64_t id) const;
  const JobRecord& record() const { return record_; }
  const JobPlan* plan() const { return plan_.get(); }  // null before the data are known
  Step step() const;                                   // of the last line
  const std::optional<Assignment>& assignment() const { return at_rest() ? record_.assignment : assignment_; }
  std::vector<Introduction> Crew() const;
  std::map<std::string, uint64_t> Counters() const;
  absl::Duration TrainTime(Now now) const;
  // Who waits for whom, in words that name them; the coordinator's own waits too.
  std::vector<NamedWait> Waits() const;
  // Those that are past their deadlines, as of the last OnTick.
  const std::vector<NamedWait>& OverdueWaits() const { return overdue_.all(); }
  // Why it is in its state, and what it lacks.
  std::string Reason() const;
  // For what it needs to begin, or to go on.
  bool waits() const { return record_.state == JobState::kQueued || record_.state == JobState::kRecovering; }
  // What that is, in words; empty: nothing.
  void TellLacking(std::string lacking) { lacking_ = std::move(lacking); }

 private:
  struct Process {
    Members::Member member;
    std::optional<JobReport> last;  // without entries and parts
    bool ready = false;             // for the term that is in force
    bool released = false;          // a worker beyond run.workers.max: it goes when it has no leaves
    bool dismissed = false;  // servers: it leaves because the job wants fewer
    Epoch named_at = 0;  // servers: since when the map has it; 0: it does not
    std::optional<absl::Duration> accused_since;  // servers: most of its peers cannot reach it
    std::optional<absl::Duration> cut_off_since;  // servers: it and another one, or all workers, cannot reach each other
  };
  using Processes = std::map<uint64_t, Process>;

  // An assignment's version: the coordinator's term, then a number of so many bits.
  static constexpr int kVersionBits = 32;
  // Between two looks at the workers' speeds; longer after every plan that only they called for.
  static constexpr absl::Duration kFirstPlanPause = absl::Seconds(1);

  bool at_rest() const;
  // After the coordinator's restart: the servers that have the term's chunks are waited for.
  bool Reclaims(Now now) const;
  // None has begun yet, or a server of it was lost.
  bool term_is_over() const { return record_.map.servers.empty(); }
  Step lines_through() const { return book_ ? book_->through() : lines_through_; }
  // What a coordinator that dies does not lose of it.
  void CountTrainTime(Now now);
  void Enter(JobState state, std::string reason, Now now);
  void Rest();
  void KeepCounters(const Process& process);
  void Note(Now now, std::string type, std::string who, std::string text);
  void Persist() { effects_.Persist(record_); }
  void Fail(std::string reason, Now now);

  void BeginStarting(Now now);
  // Writes (term + 1, restore point, map) and forgets what belonged to the term before.
  void BeginTerm(Now now);
  ChunkMap MakeMap() const;
  // All of the map are here and have loaded their chunks; `but_backups`: those that are primary of none may still load.
  bool ServersReady(bool but_backups = false) const;
  // job_replicas.cc
  uint32_t replicas() const;
  std::vector<uint64_t> ChunkBytes() const;
  uint64_t ModelBytes() const;
  static ChunkMap::Server Describe(const Process& server);
  void AdoptMap(ChunkMap map, Now now, std::string text);
  bool Stepping() const;  // all that steps need of servers is there
  bool GoesOnWithout(ServerId server, Now now);
  void GoOnWithoutTheMissing(Now now);
  void Rebuild(Now now);
  void ChooseDismissed();
  void Dismiss(ServerId server, Now now);
  bool CheckpointUnderWay() const;
  void TakeInSync(uint64_t server, const JobReport& report);
  // job_reach.cc
  void NoteNamed();
  bool KnowsOf(const Process& process, ServerId server) const;
  bool Accuses(const Process& process, ServerId server) const;
  bool MostAccuse(ServerId server) const;
  std::vector<ServerId> CutOffFrom(ServerId server) const;
  bool NoWorkerReaches(ServerId server) const;
  bool HoldsUp(ServerId server) const;
  // job_restore.cc
  RestorePoint PointToRestore() const;
  std::set<CheckpointName> ProtectedCheckpoints() const;
  void OnRestoreFailed(const std::string& who, const std::string& text, Now now);
  void EndReplay(const RestorePoint& point, const std::string& state_hash, Now now);
  void BeginRunning(Now now);
  void CheckFinished(Now now);
  bool AuditsTold();
  std::string StallText(Now now) const;
  void TellOverdue(Now now);
  void AddOwnWaits(std::vector<NamedWait>& waits) const;
  std::string NamesOf(const std::vector<uint64_t>& parties, Role role) const;
  void EndPatience(Now now);
  std::string PatienceText(Now now) const;

  absl::Status MakePlan();
  void TakeDataFacts(uint64_t worker, const JobReport& report, Now now);
  void TakeInitialWeights(uint64_t server, const JobReport& report, Now now);

  // job_workers.cc
  void TakePace(WorkerId worker, const JobReport& report, Now now);
  void TakeAudits(WorkerId worker, const JobReport& report, Now now);
  void DropWorker(WorkerId worker);
  // Too few are left: nobody computes until there are enough.
  void WaitForWorkers(std::string why, Now now);
  void ChooseReleased();
  void LetReleasedGo(Step open, Now now);
  // job_plans.cc
  std::vector<WorkerId> Computing() const;  // who shall have leaves, by id
  std::vector<uint32_t> SharesFor(const std::vector<WorkerId>& workers) const;
  std::vector<uint32_t> SharesOf(const std::vector<WorkerId>& workers) const;  // as they are now
  absl::Duration StepTime() const;                                            // by plan
  // A new version from `from_step` on over those who compute.
  void Assign(Step from_step, Now now);
  void Announce(Assignment assignment, Now now);
  // At once: what has lost its worker, or has one that is late.
  void MoveLeaves(Now now);
  // All that Proceed does about workers while steps go on.
  void Balance(Now now);
  void RelieveStragglers(Now now);
  void ConsiderPlan(Step open, Now now);
  bool AssignmentIsKnown() const;  // all workers that it is for have said so
  Step OpenStep() const;           // the lowest step that is not done, as far as is known
  LeafSet Missing(Step open) const;
  // A version that is in force whatever step is open: what is known of that may be old, and of fewer chunks.
  Step AtOnce() const { return record_.restore.step + 1; }

  void TakeEntries(const JobReport& report, Now now);
  void WritePages(Now now);
  void CompareReplayed(Now now);
  void TakePart(uint64_t server, const CheckpointPart& part, Now now);
  void PublishWhatIsComplete();
  std::set<uint64_t> WritersOfParts() const;  // servers of the map that have tensors
  // The oldest checkpoint that is to come, and the servers that have not told their parts.
  std::optional<std::pair<Step, std::vector<uint64_t>>> PartsDue() const;
  bool IsNeeded(Step checkpoint_step) const;
  void PickStopStep();
  // What a stop under way ends in.
  JobState StopsIn() const { return record_.pausing ? JobState::kPaused : JobState::kStopped; }
  absl::Status Halt(bool at_once, Now now);

  const Options options_;
  JobEffects& effects_;
  JobRecord record_;
  Step lines_through_;  // before there is a book
  std::shared_ptr<const JobPlan> plan_;
  std::unique_ptr<LedgerBook> book_;
  // The step whose line has some of its entries, and since when; 0: none.
  Step told_in_part_ = 0;
  absl::Time told_since_;
  Step reached_ = 0;  // by a chunk, in this term, as far as is known
  std::unique_ptr<Assigner> assigner_;

  Processes servers_;
  Processes workers_;
  std::optional<Assignment> assignment_;

  // Checkpoint parts of this term: by step, by server.
  std::map<Step, std::map<uint64_t, CheckpointPart>> parts_;
  std::set<Step> publishing_;
  std::set<Step> published_;  // in this term
  std::set<Step> given_up_;   // a part of it could not be written
  // No checkpoint up to it is under way: published, failed, or its parts were begun anew.
  Step settled_step_ = 0;

  Overdue overdue_;
  std::string lacking_;

  // Whether a restore point is looked for, and why.
  bool searching_ = false;
  std::string restore_failure_;

  // While STOPPING: the step of the stop's checkpoint, and how far ahead of the steps it was picked.
  Step stop_step_ = 0;
  Step stop_distance_ = 2;

  absl::Duration counted_at_;  // when record_.train_time was counted last
  Progress progress_;
  absl::Duration reclaim_until_;
  absl::Duration give_up_at_;
  bool even_ = false;  // chunks are where they ought to be, until the map or the servers change
  bool with_fewer_servers_ = false;  // run.servers.wait was in vain
  absl::Duration short_since_ = absl::InfiniteDuration();  // too few processes since

  // Who computes what.
  Paces paces_;
  Stragglers stragglers_;
  Audits audits_;
  bool audit_idles_ = false;     // one worker computes: told
  // All is done but the comparison: the workers that may still have something to compare.
  std::optional<std::set<uint64_t>> audits_due_;
  bool leaf_plan_holds_ = true;  // nobody came or went since the job began
  bool provisional_ = false;     // leaves were moved in haste: a plan is due
  absl::Duration planned_at_;
  absl::Duration plan_pause_ = kFirstPlanPause;
};

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_JOBS_JOB_MACHINE_H_
