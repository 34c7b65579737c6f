#include "server/shard/late_leaves.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/tree/tree.h"

namespace banyan::server {
namespace {

std::string RangesText(const LeafSet& leaves) {
  std::string text;
  for (const LeafRange& range : leaves.Ranges()) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", range.begin);
    if (range.size() > 1) absl::StrAppend(&text, "-", range.end - 1);
  }
  return text;
}

}  // namespace

void LateLeaves::OnStepDone() {
  if (step_began_.has_value() && now_.has_value()) steps_[count_++ % steps_.size()] = *now_ - *step_began_;
  step_began_ = now_;
  since_ = now_;
}

void LateLeaves::Reset() {
  step_began_ = std::nullopt;
  since_ = now_;
}

absl::Duration LateLeaves::Patience() const {
  std::array<absl::Duration, 15> sorted = steps_;
  const size_t count = std::min(count_, sorted.size());
  std::sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(count));
  return std::max(absl::Seconds(1), count == 0 ? absl::ZeroDuration() : 2 * sorted[count / 2]);
}

std::optional<Wait> LateLeaves::Describe(const Missing& missing, const std::vector<Assignment::Share>& shares) const {
  if (!now_.has_value() || missing.leaves.empty()) return std::nullopt;
  const absl::Time since = since_.value_or(*now_);
  if (*now_ - since < Patience()) return std::nullopt;
  Wait wait{.what = "leaves", .since = absl::ToDoubleSeconds(since - absl::UnixEpoch())};
  const Tree tree(missing.leaves.leaves());
  LeafSet nobodys = missing.leaves;
  for (const Assignment::Share& share : shares) {
    LeafSet theirs(tree.leaves());
    for (const Node& node : share.nodes) theirs.Add(tree.Leaves(node));
    LeafSet late(tree.leaves());
    for (uint32_t leaf = 0; leaf < tree.leaves(); ++leaf) {
      if (theirs.Contains(leaf) && missing.leaves.Contains(leaf)) late.Add(leaf);
    }
    if (late.empty()) continue;
    for (const LeafRange& range : late.Ranges()) nobodys.Remove(range);
    wait.parties.push_back(share.worker.value());
    absl::StrAppend(&wait.detail, wait.detail.empty() ? "" : "; ", "leaves ", RangesText(late), " of worker ",
                    share.worker.value());
  }
  if (!nobodys.empty()) {
    absl::StrAppend(&wait.detail, wait.detail.empty() ? "" : "; ", "leaves ", RangesText(nobodys),
                    " of no worker");
  }
  absl::StrAppend(&wait.detail, " are missing of chunk ", missing.chunk.value(), ", use ", missing.use, ", step ",
                  missing.step);
  return wait;
}

}  // namespace banyan::server
