#ifndef BANYAN_CLI_REPORT_PROGRESS_H_
#define BANYAN_CLI_REPORT_PROGRESS_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "proto/client.pb.h"

namespace banyan::cli {

// How far a job is, as one line: `step 120/2400  5 %  loss 2.4131  held-out 2.5020  45.1k tokens/s  1m12s left`.
// Speed is that of the last seconds. Thread-compatible.
class Progress {
 public:
  // `unit` names what a sample has `units_per_sample` of: "tokens", or "samples" with 1.
  struct Options {
    uint64_t samples_per_step = 1;
    uint64_t units_per_sample = 1;
    std::string unit = "samples";
  };

  explicit Progress(Options options) : options_(std::move(options)) {}

  void Observe(const v1::JobUpdate& update);

  // Empty before there is anything to say.
  std::string Line() const;

  const v1::JobSummary& summary() const { return summary_; }
  // Of the last step whose line was seen, or what the summary says.
  uint64_t step() const;

 private:
  std::optional<double> StepsPerSecond() const;

  const Options options_;
  v1::JobSummary summary_;
  std::optional<v1::LedgerLine> line_;
  std::optional<v1::Evaluation> evaluation_;
  std::deque<std::pair<double, uint64_t>> recent_;  // unix seconds, step
};

// "3s", "1m12s", "2h05m", "3d4h".
std::string ShortDuration(absl::Duration duration);

// "950", "45.1k", "3.20M".
std::string ShortCount(double count);

// Sum over weight; 0 where nothing was weighed.
double MeanLoss(double loss_sum, double weight);

}  // namespace banyan::cli

#endif  // BANYAN_CLI_REPORT_PROGRESS_H_
