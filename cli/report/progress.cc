#include "cli/report/progress.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/base/exit_code.h"

namespace banyan::cli {
namespace {

constexpr double kSpeedSeconds = 10;

}  // namespace

void Progress::Observe(const v1::JobUpdate& update) {
  switch (update.update_case()) {
    case v1::JobUpdate::kSummary:
      // What it did before it stood still says nothing of its speed now.
      if (update.summary().state() != summary_.state()) recent_.clear();
      summary_ = update.summary();
      break;
    case v1::JobUpdate::kLine:
      line_ = update.line();
      recent_.emplace_back(line_->time(), line_->step());
      while (recent_.size() > 2 && recent_.back().first - recent_[1].first > kSpeedSeconds) recent_.pop_front();
      break;
    case v1::JobUpdate::kEvaluation: evaluation_ = update.evaluation(); break;
    default: break;
  }
}

uint64_t Progress::step() const { return std::max(summary_.step(), line_ ? line_->step() : 0); }

std::optional<double> Progress::StepsPerSecond() const {
  if (recent_.size() < 2) return std::nullopt;
  const double seconds = recent_.back().first - recent_.front().first;
  if (seconds <= 0 || recent_.back().second <= recent_.front().second) return std::nullopt;
  return static_cast<double>(recent_.back().second - recent_.front().second) / seconds;
}

std::string Progress::Line() const {
  if (summary_.id().empty()) return "";
  if (!line_) {
    return absl::StrCat(v1::JobState_Name(summary_.state()), summary_.reason().empty() ? "" : ": ", summary_.reason());
  }
  const uint64_t total = summary_.total_steps();
  std::string text = absl::StrCat("step ", step());
  if (total > 0) {
    absl::StrAppendFormat(&text, "/%d  %3d %%", total, 100 * std::min(step(), total) / total);
  }
  absl::StrAppendFormat(&text, "  loss %.4f", MeanLoss(line_->loss_sum(), line_->weight()));
  if (evaluation_) {
    absl::StrAppendFormat(&text, "  held-out %.4f", MeanLoss(evaluation_->loss_sum(), evaluation_->weight()));
  }
  if (const std::optional<double> speed = StepsPerSecond()) {
    const double units = static_cast<double>(options_.samples_per_step * options_.units_per_sample);
    absl::StrAppend(&text, "  ", ShortCount(*speed * units), " ", options_.unit, "/s");
    if (total > step()) {
      absl::StrAppend(&text, "  ", ShortDuration(absl::Seconds(static_cast<double>(total - step()) / *speed)), " left");
    }
  }
  if (summary_.state() != v1::RUNNING && !IsOver(summary_.state())) {
    absl::StrAppend(&text, "  ", v1::JobState_Name(summary_.state()), summary_.reason().empty() ? "" : ": ",
                    summary_.reason());
  }
  return text;
}

std::string ShortDuration(absl::Duration duration) {
  const int64_t seconds = absl::ToInt64Seconds(duration + absl::Milliseconds(500));
  const int64_t minutes = seconds / 60;
  const int64_t hours = minutes / 60;
  if (seconds < 60) return absl::StrCat(seconds, "s");
  if (minutes < 60) return absl::StrFormat("%dm%02ds", minutes, seconds % 60);
  if (hours < 24) return absl::StrFormat("%dh%02dm", hours, minutes % 60);
  return absl::StrFormat("%dd%dh", hours / 24, hours % 24);
}

std::string ShortCount(double count) {
  if (count < 1e3) return absl::StrFormat("%.0f", count);
  if (count < 1e6) return absl::StrFormat("%.1fk", count / 1e3);
  if (count < 1e9) return absl::StrFormat("%.2fM", count / 1e6);
  return absl::StrFormat("%.2fG", count / 1e9);
}

double MeanLoss(double loss_sum, double weight) { return weight == 0 ? 0 : loss_sum / weight; }

}  // namespace banyan::cli
