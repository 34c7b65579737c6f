#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/check.h"
#include "common/tree/balance.h"
#include "coordinator/jobs/job_machine.h"
#include "coordinator/jobs/job_states.h"

// The fifth part of JobMachine: who computes which leaves, as workers come, go, and are quicker or slower.
namespace banyan::coordinator {
namespace {

using enum JobState;

constexpr absl::Duration kLastPlanPause = absl::Minutes(1);
// A worker without leaves is tried again when others have computed for so long, or so many steps.
constexpr absl::Duration kHalfLife = absl::Seconds(30);
constexpr int kHalfLifeSteps = 64;

uint32_t LeavesOf(const Tree& tree, const std::vector<Node>& nodes) {
  uint32_t leaves = 0;
  for (const Node& node : nodes) leaves += tree.Leaves(node).size();
  return leaves;
}

bool IsMissing(const Tree& tree, const std::vector<Node>& nodes, const LeafSet& missing) {
  return std::any_of(nodes.begin(), nodes.end(),
                     [&](const Node& node) { return missing.ContainsAny(tree.Leaves(node)); });
}

}  // namespace

// ---- Who is there.

void JobMachine::TakePace(WorkerId worker, const JobReport& report, Now now) {
  const auto counted = report.counters.find("leaves_computed");
  const uint64_t leaves = counted == report.counters.end() ? 0 : counted->second;
  paces_.Hear(worker, report.seconds_per_leaf, report.seconds_per_push, leaves, now.monotonic);
  stragglers_.Hear(worker, leaves, now.monotonic);
  Process& process = workers_.at(worker.value());
  process.ready = process.ready || (report.ready && report.term == record_.term);
}

// docs/adr/0008-audit.md: the job's promise is broken, and nobody knows since when.
void JobMachine::TakeAudits(WorkerId worker, const JobReport& report, Now now) {
  const auto found = workers_.find(worker.value());
  if (found == workers_.end()) return;  // what it reported has ended the job
  const Introduction process = found->second.member.introduction;
  const std::string who = process.host.empty() ? process.name : absl::StrCat(process.name, " on ", process.host);
  for (const LeafAudit& audit : report.audits) {
    if (!plan_ || audit.term != record_.term || !IsActive(record_.state)) return;
    const uint64_t before = audits_.compared();
    const std::optional<Audits::Difference> difference = audits_.Take(who, audit);
    record_.counters["audits_compared"] += audits_.compared() - before;
    if (!difference.has_value()) continue;
    std::string place = "the loss";
    const auto positions = plan_->layout.positions();
    if (difference->fingerprint < positions.size()) {
      const ChunkUse use = positions[difference->fingerprint];
      std::vector<std::string> names;
      for (const Segment& segment : plan_->layout.chunk(use.chunk).segments) {
        names.push_back(plan_->graph.parameter(segment.parameter).name);
      }
      place = absl::StrCat("chunk ", use.chunk.value(), " (", absl::StrJoin(names, ", "), ")");
    }
    const std::string text =
        absl::StrCat("leaf ", audit.leaf, " of step ", audit.step, " was computed by ", difference->first, " and by ",
                     difference->second, ", and differs in ", place,
                     "; one of the two computes wrong: test both hosts, and trust no checkpoint since it was last well");
    Note(now, "AUDIT_DIFFERS", "", text);
    Fail(absl::StrCat("audit: ", text), now);
  }
}

void JobMachine::DropWorker(WorkerId worker) {
  const auto found = workers_.find(worker.value());
  KeepCounters(found->second);
  workers_.erase(found);
  paces_.Forget(worker);
  stragglers_.Forget(worker);
  if (assignment_.has_value()) leaf_plan_holds_ = false;
}

size_t JobMachine::staying() const {
  return static_cast<size_t>(
      std::count_if(workers_.begin(), workers_.end(), [](const auto& entry) { return !entry.second.released; }));
}

void JobMachine::WaitForWorkers(std::string why, Now now) {
  assignment_.reset();
  if (record_.state == kRecovering) return;
  const google::protobuf::Duration& wait = record_.job.run().workers().wait();
  Enter(kRecovering,
        absl::StrCat(why, "; ", staying(), " of at least ", least_workers(), " are left; waits ",
                     absl::FormatDuration(absl::Seconds(wait.seconds()) + absl::Nanoseconds(wait.nanos())),
                     " for more (run.workers.wait)"),
        now);
}

absl::Status JobMachine::ScaleWorkers(uint32_t min, uint32_t max, Now now) {
  if (record_.state == kSucceeded) {
    return absl::FailedPreconditionError(absl::StrCat("job ", record_.id, " is SUCCEEDED; it needs no workers"));
  }
  v1::Workers& workers = *record_.job.mutable_run()->mutable_workers();
  workers.set_min(min);
  if (max != 0) workers.set_max(max);
  // It is for more workers than there will be.
  if (workers.has_max() && record_.leaf_plan.size() > workers.max()) record_.leaf_plan.clear();
  Persist();
  Note(now, "SCALED", "",
       workers.has_max() ? absl::StrCat(workers.min(), " to ", workers.max(), " workers")
                         : absl::StrCat("at least ", workers.min(), " workers"));
  ChooseReleased();
  const bool runs = record_.state == kRunning || record_.state == kStopping;
  if (!runs) LetReleasedGo(OpenStep(), now);
  if (record_.state == kRunning && staying() < least_workers()) WaitForWorkers("more workers were asked for", now);
  return absl::OkStatus();
}

// Those that came last.
void JobMachine::ChooseReleased() {
  const v1::Workers& workers = record_.job.run().workers();
  size_t left = workers.has_max() ? workers.max() : workers_.size();
  for (auto& [id, process] : workers_) process.released = left == 0 || left-- == 0;
}

void JobMachine::LetReleasedGo(Step open, Now now) {
  std::vector<WorkerId> gone;
  const Assignment* const in_force = assigner_ ? assigner_->InForce(open) : nullptr;
  for (const auto& [id, process] : workers_) {
    const bool listed = assignment_.has_value() && in_force != nullptr &&
                        std::any_of(in_force->shares.begin(), in_force->shares.end(), [id = id](const auto& share) {
                          return share.worker.value() == id && !share.nodes.empty();
                        });
    if (process.released && !listed) gone.emplace_back(id);
  }
  for (const WorkerId worker : gone) {
    Note(now, "WORKER_LEFT", workers_.at(worker.value()).member.introduction.name,
         absl::StrCat("run.workers.max is ", record_.job.run().workers().max()));
    DropWorker(worker);
  }
  // A step may be open, unknown to us, in which they have leaves.
  if (!gone.empty() && assignment_.has_value()) MoveLeaves(now);
}

// ---- What is known of the open step.

Step JobMachine::OpenStep() const {
  std::optional<Step> lowest;
  for (const auto& [id, process] : servers_) {
    if (!process.last.has_value() || process.last->term != record_.term) continue;
    for (const JobReport::OpenStep& open : process.last->open) lowest = std::min(lowest.value_or(open.step), open.step);
  }
  return std::max(lowest.value_or(0), record_.restore.step + 1);
}

LeafSet JobMachine::Missing(Step open) const {
  LeafSet missing(plan_->leaves);
  for (const auto& [id, process] : servers_) {
    if (!process.last.has_value() || process.last->term != record_.term) continue;
    for (const JobReport::OpenStep& one : process.last->open) {
      if (one.step == open) missing.AddAll(one.missing);
    }
  }
  return missing;
}

bool JobMachine::AssignmentIsKnown() const {
  return std::all_of(assignment_->shares.begin(), assignment_->shares.end(), [this](const Assignment::Share& share) {
    const auto found = workers_.find(share.worker.value());
    if (found == workers_.end() || share.nodes.empty() || stragglers_.suspected(share.worker)) return true;
    const std::optional<JobReport>& last = found->second.last;
    return last.has_value() && last->assignment_version >= assignment_->version;
  });
}

absl::Duration JobMachine::StepTime() const {
  const std::vector<WorkerId> workers = Computing();
  return absl::Seconds(PlanSeconds(SharesOf(workers), paces_.Of(workers, kHalfLife)));
}

// ---- Plans.

// A worker that has come gets leaves when it holds the weights, so nobody waits for it.
std::vector<WorkerId> JobMachine::Computing() const {
  std::vector<WorkerId> computing;
  std::vector<WorkerId> all;
  for (const auto& [id, process] : workers_) {
    const WorkerId worker(id);
    if (process.released) continue;
    all.push_back(worker);
    const bool begun =
        !assignment_.has_value() ||
        std::any_of(assignment_->shares.begin(), assignment_->shares.end(),
                    [&](const Assignment::Share& share) { return share.worker == worker; });
    if ((begun || process.ready) && !stragglers_.suspected(worker)) computing.push_back(worker);
  }
  return computing.empty() ? all : computing;
}

std::vector<uint32_t> JobMachine::SharesOf(const std::vector<WorkerId>& workers) const {
  std::vector<uint32_t> shares(workers.size(), 0);
  const Tree tree(plan_->leaves);
  for (const Assignment::Share& share : assignment_->shares) {
    const auto found = std::find(workers.begin(), workers.end(), share.worker);
    if (found != workers.end()) shares[found - workers.begin()] = LeavesOf(tree, share.nodes);
  }
  return shares;
}

std::vector<uint32_t> JobMachine::SharesFor(const std::vector<WorkerId>& workers) const {
  if (leaf_plan_holds_ && !record_.leaf_plan.empty() && record_.leaf_plan.size() <= workers.size()) {
    std::vector<uint32_t> shares = record_.leaf_plan;
    shares.resize(workers.size(), 0);
    return shares;
  }
  const absl::Duration step = assignment_.has_value() ? StepTime() : absl::ZeroDuration();
  return BalanceShares(plan_->leaves, paces_.Of(workers, std::max(kHalfLife, kHalfLifeSteps * step)));
}

void JobMachine::Assign(Step from_step, Now now) {
  const std::vector<WorkerId> workers = Computing();
  Announce(assigner_->Assign(workers, SharesFor(workers), from_step), now);
  provisional_ = false;
}

void JobMachine::Announce(Assignment assignment, Now now) {
  assignment_ = std::move(assignment);
  planned_at_ = now.monotonic;
  const Tree tree(plan_->leaves);
  const auto leaves = [&](std::string* out, const Assignment::Share& share) {
    absl::StrAppend(out, LeavesOf(tree, share.nodes));
  };
  Note(now, "ASSIGNMENT", "",
       absl::StrCat("version ", assignment_->version, " from step ", assignment_->from_step, " over ",
                    assignment_->shares.size(), assignment_->shares.size() == 1 ? " worker: " : " workers: ",
                    absl::StrJoin(assignment_->shares, ", ", leaves), " leaves"));
  const auto computing = std::count_if(assignment_->shares.begin(), assignment_->shares.end(),
                                       [](const Assignment::Share& share) { return !share.nodes.empty(); });
  const bool idles = record_.job.run().audit() > 0 && computing < 2;
  if (idles && !audit_idles_) {
    Note(now, "AUDIT_IDLE", "", "run.audit needs two workers with leaves; nothing is audited while there is one");
  }
  audit_idles_ = idles;
}

void JobMachine::MoveLeaves(Now now) {
  const Step open = OpenStep();
  const std::vector<WorkerId> helpers = Computing();
  if (assigner_->InForce(open) == nullptr || helpers.empty()) return Assign(AtOnce(), now);
  const std::vector<WorkerPace> paces = paces_.Of(helpers, kHalfLife);
  std::map<WorkerId, Hand> hands;
  for (const auto& [id, process] : workers_) {
    const WorkerId worker(id);
    const auto found = std::find(helpers.begin(), helpers.end(), worker);
    if (found != helpers.end()) {
      hands[worker] = {.pace = paces[found - helpers.begin()], .part = Hand::Part::kHelps};
    } else {
      hands[worker] = {.part = stragglers_.suspected(worker) ? Hand::Part::kGivesMissing : Hand::Part::kKeeps};
    }
  }
  Announce(assigner_->Move(std::move(hands), Missing(open), open, AtOnce()), now);
  stragglers_.Restart(now.monotonic);
  provisional_ = true;
}

void JobMachine::Balance(Now now) {
  if (!assignment_.has_value()) return;
  const Step open = OpenStep();
  uint64_t known = UINT64_MAX;
  for (const Assignment::Share& share : assignment_->shares) {
    const auto found = workers_.find(share.worker.value());
    if (found == workers_.end()) continue;
    known = std::min(known, found->second.last.has_value() ? found->second.last->assignment_version : 0);
  }
  assigner_->Settle(open, known);
  stragglers_.StepIs(open, now.monotonic);
  LetReleasedGo(open, now);
  ConsiderPlan(open, now);
}

// Only when time has passed, and so all that was reported by then is known.
void JobMachine::RelieveStragglers(Now now) {
  if (!assignment_.has_value()) return;
  const Step open = OpenStep();
  const Assignment* const in_force = assigner_->InForce(open);
  const LeafSet missing = Missing(open);
  if (in_force == nullptr || missing.empty()) return;
  const Tree tree(plan_->leaves);
  std::set<WorkerId> owing;
  for (const Assignment::Share& share : in_force->shares) {
    if (IsMissing(tree, share.nodes, missing)) owing.insert(share.worker);
  }
  const auto may_help = [&](WorkerId worker) { return !stragglers_.suspected(worker); };
  std::vector<WorkerId> helpers = Computing();
  const bool idle = std::any_of(helpers.begin(), helpers.end(),
                                [&](WorkerId worker) { return may_help(worker) && !owing.contains(worker); });
  // An evaluation takes as long as it takes.
  const bool evaluates = plan_->evaluation.has_value() && plan_->evaluation->DueIn(open);
  for (const Stragglers::Judgement& late : stragglers_.Judge(owing, idle && !evaluates, StepTime(), now.monotonic)) {
    Note(now, "WORKER_LATE", workers_.at(late.worker.value()).member.introduction.name,
         absl::StrCat(late.why, "; others compute its leaves too"));
  }
  helpers = Computing();
  const bool helped = std::any_of(helpers.begin(), helpers.end(), may_help);
  const bool late = std::any_of(owing.begin(), owing.end(), [&](WorkerId worker) { return !may_help(worker); });
  if (helped && late) MoveLeaves(now);
}

// Section 7 of the protocol. The version before stays in force for two steps, and commands carry one version: so
// everybody must have it.
void JobMachine::ConsiderPlan(Step open, Now now) {
  if (assignment_->from_step > open || !AssignmentIsKnown()) return;
  const std::vector<WorkerId> workers = Computing();
  std::vector<WorkerId> present;
  for (const Assignment::Share& share : assignment_->shares) present.push_back(share.worker);
  const bool others = workers != present;
  if (!others && !provisional_ && now.monotonic - planned_at_ < plan_pause_) return;
  planned_at_ = now.monotonic;
  const std::vector<uint32_t> then = SharesFor(workers);
  const std::vector<uint32_t> shares = SharesOf(workers);
  if (!others && then == shares) {
    provisional_ = false;
    return;
  }
  if (!others && !provisional_) {
    const bool measured = std::all_of(workers.begin(), workers.end(),
                                      [this](WorkerId worker) { return paces_.measured(worker); });
    if (!measured || !Gains(then, shares, paces_.Of(workers, kHalfLife))) return;
  }
  plan_pause_ = others || provisional_ ? kFirstPlanPause : std::min(2 * plan_pause_, kLastPlanPause);
  Assign(open + 2, now);
}

}  // namespace banyan::coordinator
