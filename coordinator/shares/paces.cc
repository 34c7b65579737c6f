#include "coordinator/shares/paces.h"

#include <algorithm>
#include <cmath>

namespace banyan::coordinator {
namespace {

constexpr double kGain = 0.05;

double Median(std::vector<double> values, double otherwise) {
  if (values.empty()) return otherwise;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

void Paces::Hear(WorkerId worker, double leaf_seconds, double push_seconds, uint64_t leaves, absl::Duration now) {
  if (!(leaf_seconds > 0) || !std::isfinite(leaf_seconds)) return;
  const auto [found, fresh] = measured_.try_emplace(worker);
  Measurement& measurement = found->second;
  if (fresh || leaves != measurement.leaves) measurement.at = now;
  measurement.leaves = leaves;
  measurement.pace.leaf_seconds = leaf_seconds;
  measurement.pace.push_seconds = push_seconds >= 0 && std::isfinite(push_seconds) ? push_seconds : 0;
}

std::vector<WorkerPace> Paces::Of(const std::vector<WorkerId>& workers, absl::Duration half_life) const {
  std::vector<double> leaf;
  std::vector<double> push;
  absl::Duration newest = -absl::InfiniteDuration();
  for (const WorkerId worker : workers) {
    const auto found = measured_.find(worker);
    if (found == measured_.end()) continue;
    leaf.push_back(found->second.pace.leaf_seconds);
    push.push_back(found->second.pace.push_seconds);
    newest = std::max(newest, found->second.at);
  }
  const double fastest = leaf.empty() ? 1 : *std::min_element(leaf.begin(), leaf.end());
  const WorkerPace median = {.leaf_seconds = Median(leaf, 1), .push_seconds = Median(push, 0)};
  std::vector<WorkerPace> paces;
  for (const WorkerId worker : workers) {
    WorkerPace& pace = paces.emplace_back(median);
    const auto found = measured_.find(worker);
    if (found == measured_.end()) continue;
    pace = found->second.pace;
    const double halvings = std::max(0.0, absl::FDivDuration(newest - found->second.at, half_life) - 1);
    pace.leaf_seconds = std::max(fastest, pace.leaf_seconds * std::exp2(-halvings));
  }
  return paces;
}

bool Gains(const std::vector<uint32_t>& then, const std::vector<uint32_t>& now, const std::vector<WorkerPace>& paces) {
  return PlanSeconds(then, paces) <= (1 - kGain) * PlanSeconds(now, paces);
}

}  // namespace banyan::coordinator
