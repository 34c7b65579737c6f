#include "coordinator/jobs/assigner.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/tree/pending.h"

namespace banyan::coordinator {
namespace {

// The first workers take one leaf more where it does not come out even.
std::vector<uint32_t> EqualShares(uint32_t leaves, size_t workers) {
  std::vector<uint32_t> shares(workers, static_cast<uint32_t>(leaves / workers));
  for (size_t i = 0; i < leaves % workers; ++i) ++shares[i];
  return shares;
}

}  // namespace

absl::Status Assigner::CheckLeafPlan(const std::vector<uint32_t>& leaves_by_worker) const {
  const uint64_t sum = std::accumulate(leaves_by_worker.begin(), leaves_by_worker.end(), uint64_t{0});
  if (sum == tree_.leaves()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("leaf plan adds up to ", sum, " leaves, a step has ", tree_.leaves(),
                                                 "; give every worker's leaves, as in 5,2,1"));
}

Assignment Assigner::Assign(const std::vector<WorkerId>& workers, const std::vector<uint32_t>& leaf_plan,
                            Step from_step) {
  CHECK(!workers.empty());
  std::vector<uint32_t> shares = leaf_plan.empty() ? EqualShares(tree_.leaves(), workers.size()) : leaf_plan;
  shares.resize(std::max(shares.size(), workers.size()), 0);
  CHECK_EQ(shares.size(), workers.size());
  LeafPlan previous(workers.size());
  for (size_t i = 0; i < workers.size(); ++i) {
    const auto before = std::find(workers_.begin(), workers_.end(), workers[i]);
    if (before != workers_.end()) previous[i] = plan_[before - workers_.begin()];
  }
  absl::StatusOr<LeafPlan> plan = PlaceShares(tree_, shares, previous);
  CHECK(plan.ok());

  const uint32_t most = (tree_.leaves() + 1) / 2;
  uint32_t pending = 2 * MaxPending(tree_, NodesOf(*plan));
  if (!plan_.empty()) {
    pending = std::max(pending, MaxPending(tree_, CommonRefinement(tree_, {NodesOf(plan_), NodesOf(*plan)})));
  }
  Assignment assignment = {
      .version = next_version_++, .from_step = from_step, .max_pending = std::clamp<uint32_t>(pending, 1, most)};
  for (size_t i = 0; i < workers.size(); ++i) assignment.shares.push_back({.worker = workers[i], .nodes = (*plan)[i]});
  workers_ = workers;
  plan_ = *std::move(plan);
  return assignment;
}

}  // namespace banyan::coordinator
