#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/tree/balance.h"
#include "coordinator/jobs/job_machine.h"

// The sixth part of JobMachine: how leaves are shared out among workers that are quicker, slower or late.
namespace banyan::coordinator {
namespace {

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

absl::Duration JobMachine::StepTime() const {
  const std::vector<WorkerId> workers = Computing();
  return absl::Seconds(PlanSeconds(SharesOf(workers), paces_.Of(workers, kHalfLife)));
}

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
       absl::StrCat("version ", assignment_->version >> kVersionBits, ".",
                    assignment_->version & ((uint64_t{1} << kVersionBits) - 1), " from step ", assignment_->from_step, " over ",
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
