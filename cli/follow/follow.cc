#include "cli/follow/follow.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "cli/base/exit_code.h"
#include "cli/follow/update_queue.h"
#include "cli/report/result.h"
#include "cli/report/table.h"
#include "common/base/status.h"

namespace banyan::cli {
namespace {

constexpr char kErase[] = "\r\x1b[K";  // to the line's start, and clear it to its end
constexpr absl::Duration kLineEvery = absl::Seconds(10);  // where lines are not drawn over

Progress::Options ProgressOf(const v1::JobDescription& job) {
  const v1::Recipe& recipe = job.resolved().job().recipe();
  Progress::Options options{.samples_per_step = recipe.batch().samples(), .unit = SampleUnit(job.resolved().job())};
  options.units_per_sample = std::max<uint64_t>(1, job.tokens_per_sample());
  if (options.unit == "tokens" && recipe.model().has_gpt()) options.units_per_sample = recipe.model().gpt().context();
  return options;
}

class Follower {
 public:
  Follower(Environment& environment, JobsClient& client, Interrupts& interrupts, const FollowOptions& options,
           const v1::JobDescription& job)
      : environment_(environment),
        client_(client),
        interrupts_(interrupts),
        options_(options),
        progress_(ProgressOf(job)),
        begin_(environment.clock.Monotonic()) {
    v1::JobUpdate update;
    *update.mutable_summary() = job.summary();
    progress_.Observe(update);
    // What was before is for `banyan describe`.
    for (const v1::Event& event : job.events()) event_ = std::max(event_, event.number());
    if (job.has_last_line()) {
      *update.mutable_line() = job.last_line();
      progress_.Observe(update);
      ObserveLine(job.last_line());
    }
    if (job.has_last_evaluation()) {
      *update.mutable_evaluation() = job.last_evaluation();
      progress_.Observe(update);
    }
  }

  absl::StatusOr<FollowEnd> Run() {
    while (true) {
      ASSIGN_OR_RETURN(const std::optional<FollowEnd> end, FollowStream());
      if (end) {
        EraseLine();
        return *end;
      }
    }
  }

 private:
  // Follows one stream; nothing where another is to be opened.
  absl::StatusOr<std::optional<FollowEnd>> FollowStream() {
    v1::WatchRequest request;
    request.set_job(options_.job);
    request.set_after_event(event_);
    request.set_after_step(step_);
    request.set_with_lines(true);
    UpdateQueue queue(client_.Watch(request));
    while (true) {
      for (const v1::JobUpdate& update : queue.Take(options_.tick)) Observe(update);
      if (IsOver(progress_.summary().state())) return FollowEnd::kOver;
      if (options_.until(progress_)) return FollowEnd::kReached;
      if (environment_.clock.Monotonic() - begin_ > options_.timeout) return FollowEnd::kTimedOut;
      Draw();
      if (interrupts_.WaitFor(absl::ZeroDuration())) {
        RETURN_IF_ERROR(Interrupted());
        if (!options_.interrupt_stops) return FollowEnd::kInterrupted;
      }
      if (const std::optional<absl::Status> end = queue.end()) return StreamEnded(*end);
    }
  }

  absl::StatusOr<std::optional<FollowEnd>> StreamEnded(absl::Status status) {
    if (status.ok()) {
      const absl::StatusOr<v1::JobDescription> job = client_.Describe(options_.job);
      status = job.status();
      if (job.ok() && IsOver(job->summary().state())) return FollowEnd::kOver;
    }
    if (!status.ok() && !absl::IsUnavailable(status) && !absl::IsCancelled(status)) return status;
    if (status.ok()) {
      away_since_.reset();
    } else if (!away_since_.has_value()) {
      Say("the coordinator is away; waiting for it");
      away_since_ = environment_.clock.Monotonic();
    } else if (environment_.clock.Monotonic() - *away_since_ > options_.patience) {
      return status;
    }
    interrupts_.WaitFor(options_.tick);
    return std::nullopt;
  }

  absl::Status Interrupted() {
    if (std::exchange(interrupted_, true)) return absl::OkStatus();
    if (!options_.interrupt_stops) return absl::OkStatus();
    Say("stopping the job with a checkpoint; Ctrl-C again leaves without");
    v1::StopRequest request;
    request.set_job(options_.job);
    return client_.Stop(request);
  }

  void Observe(const v1::JobUpdate& update) {
    away_since_.reset();
    const v1::JobState before = progress_.summary().state();
    progress_.Observe(update);
    if (update.has_line()) ObserveLine(update.line());
    if (update.has_evaluation() || progress_.summary().state() != before) line_due_ = true;
    if (update.has_event()) {
      const v1::Event& event = update.event();
      event_ = std::max(event_, event.number());
      Say(absl::StrCat("step ", event.step(), ": ", event.type(), event.who().empty() ? "" : " ", event.who(),
                       event.text().empty() ? "" : ": ", event.text()));
    }
  }

  void ObserveLine(const v1::LedgerLine& line) { step_ = std::max(step_, line.step()); }

  void Draw() {
    const std::string line = progress_.Line();
    if (line.empty() || line == drawn_) return;
    if (environment_.rewrites_lines) {
      environment_.err << absl::StrCat(kErase, Fitting(line)) << std::flush;
      drawn_ = line;
      return;
    }
    const absl::Duration now = environment_.clock.Monotonic();
    if (!line_due_ && now - last_line_ < kLineEvery) return;
    line_due_ = false;
    last_line_ = now;
    drawn_ = line;
    environment_.Say(Printable(line));
  }

  // The last column stays free: some terminals wrap once it is written.
  std::string Fitting(const std::string& line) const {
    return Cut(Printable(line), std::max<size_t>(1, environment_.columns()) - 1);
  }

  // The last state of the line stays.
  void EraseLine() {
    if (environment_.rewrites_lines) {
      if (const std::string line = progress_.Line(); !line.empty()) environment_.Say(Fitting(line));
      return;
    }
    line_due_ = true;
    Draw();
  }

  void Say(const std::string& text) {
    drawn_.clear();
    environment_.Say(Printable(text));
  }

  Environment& environment_;
  JobsClient& client_;
  Interrupts& interrupts_;
  const FollowOptions& options_;
  Progress progress_;
  const absl::Duration begin_;
  absl::Duration last_line_ = -absl::InfiniteDuration();
  uint64_t event_ = 0;  // the last that was seen
  uint64_t step_ = 0;
  std::string drawn_;
  bool line_due_ = true;
  bool interrupted_ = false;
  std::optional<absl::Duration> away_since_;  // the coordinator cannot be reached
};

}  // namespace

absl::StatusOr<FollowEnd> Follow(Environment& environment, JobsClient& client, Interrupts& interrupts,
                                 const FollowOptions& options) {
  ASSIGN_OR_RETURN(const v1::JobDescription job, client.Describe(options.job));
  return Follower(environment, client, interrupts, options, job).Run();
}

}  // namespace banyan::cli
