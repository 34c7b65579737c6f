#include "coordinator/jobs/assigner.h"

#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/tree/pending.h"
#include "common/tree/share.h"

namespace banyan::coordinator {
namespace {

std::vector<Node> NodesOf(const Assignment& assignment) {
  std::vector<Node> nodes;
  for (const Assignment::Share& share : assignment.shares) {
    nodes.insert(nodes.end(), share.nodes.begin(), share.nodes.end());
  }
  return nodes;
}

}  // namespace

void Assigner::Settle(Step open, uint64_t known) {
  if (versions_.empty()) return;
  // The newest that everybody follows by now and that is in force.
  uint64_t newest = 0;
  for (const Assignment& version : versions_) {
    if (version.version <= known && version.from_step <= open) newest = version.version;
  }
  if (newest > known_version_) {
    known_version_ = newest;
    known_since_ = open;
  }
  // What was begun under an older one is done or given up with the step.
  if (open > known_since_) {
    std::erase_if(versions_, [this](const Assignment& version) { return version.version < known_version_; });
  }
}

absl::Status Assigner::CheckLeafPlan(const std::vector<uint32_t>& leaves_by_worker) const {
  const uint64_t sum = std::accumulate(leaves_by_worker.begin(), leaves_by_worker.end(), uint64_t{0});
  if (sum == tree_.leaves()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("leaf plan adds up to ", sum, " leaves, a step has ", tree_.leaves(),
                                                 "; give every worker's leaves, as in 5,2,1"));
}

const Assignment* Assigner::InForce(Step step) const {
  for (auto version = versions_.rbegin(); version != versions_.rend(); ++version) {
    if (version->from_step <= step) return &*version;
  }
  return nullptr;
}

uint32_t Assigner::Pending(const std::vector<Node>& partition) const {
  std::vector<std::vector<Node>> all = {partition};
  for (const Assignment& version : versions_) all.push_back(NodesOf(version));
  return MaxPending(tree_, CommonRefinement(tree_, all));
}

Assignment Assigner::Announce(const std::vector<WorkerId>& workers, LeafPlan plan, Step from_step) {
  const std::vector<Node> nodes = banyan::NodesOf(plan);
  CHECK(tree_.IsPartition(nodes));
  const uint32_t pending = std::max(2 * MaxPending(tree_, nodes), Pending(nodes));
  const uint32_t most = (tree_.leaves() + 1) / 2;
  Assignment assignment = {
      .version = next_version_++, .from_step = from_step, .max_pending = std::clamp<uint32_t>(pending, 1, most)};
  for (size_t i = 0; i < workers.size(); ++i) {
    assignment.shares.push_back({.worker = workers[i], .nodes = std::move(plan[i])});
  }
  versions_.push_back(assignment);
  return assignment;
}

Assignment Assigner::Assign(const std::vector<WorkerId>& workers, const std::vector<uint32_t>& shares,
                            Step from_step) {
  CHECK(!workers.empty());
  CHECK_EQ(shares.size(), workers.size());
  LeafPlan previous(workers.size());
  if (!versions_.empty()) {
    for (const Assignment::Share& share : versions_.back().shares) {
      const auto found = std::find(workers.begin(), workers.end(), share.worker);
      if (found != workers.end()) previous[found - workers.begin()] = share.nodes;
    }
  }
  absl::StatusOr<LeafPlan> plan = PlaceShares(tree_, shares, previous);
  CHECK(plan.ok());
  return Announce(workers, *std::move(plan), from_step);
}

Assignment Assigner::Move(std::map<WorkerId, Hand> hands, const LeafSet& missing, Step open, Step from_step) {
  const Assignment* const base = InForce(open);
  CHECK(base != nullptr);
  const uint32_t announced = base->max_pending;
  for (const Assignment::Share& share : base->shares) {
    const auto [found, gone] = hands.try_emplace(share.worker, Hand{.part = Hand::Part::kGivesAll});
    found->second.nodes = share.nodes;
  }
  std::vector<WorkerId> workers;
  std::vector<Hand> in_order;
  for (auto& [worker, hand] : hands) {
    workers.push_back(worker);
    in_order.push_back(std::move(hand));
  }
  LeafPlan plan = Relieve(tree_, in_order, missing, [&](const std::vector<Node>& partition) {
    return Pending(partition) <= announced;
  });
  for (size_t i = workers.size(); i-- > 0;) {
    if (in_order[i].part != Hand::Part::kGivesAll) continue;
    workers.erase(workers.begin() + static_cast<std::ptrdiff_t>(i));
    plan.erase(plan.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return Announce(workers, std::move(plan), from_step);
}

}  // namespace banyan::coordinator
