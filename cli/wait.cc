#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/follow/follow.h"
#include "cli/job_end.h"
#include "cli/report/result.h"
#include "common/base/status.h"

namespace banyan::cli {
namespace {

// What is waited for.
struct Goal {
  std::optional<uint64_t> step;
  std::optional<v1::JobState> state;

  bool ReachedBy(const v1::JobState now, uint64_t at) const {
    return (step && at >= *step) || (state && now == *state);
  }
};

absl::StatusOr<Goal> ParseGoal(const std::string& text) {
  Goal goal;
  uint64_t step = 0;
  v1::JobState state;
  if (text.empty()) return goal;
  if (text.starts_with("step=") && absl::SimpleAtoi(text.substr(5), &step)) {
    goal.step = step;
  } else if (text.starts_with("state=") && v1::JobState_Parse(text.substr(6), &state) &&
             state != v1::JOB_STATE_UNSPECIFIED) {
    goal.state = state;
  } else {
    return absl::InvalidArgumentError(absl::StrCat("'--for' is '", text, "', expected step=N or state=S, S one of "
                                                   "QUEUED, STARTING, RUNNING, RECOVERING, PAUSED, STOPPING, STOPPED, "
                                                   "SUCCEEDED and FAILED"));
  }
  return goal;
}

ExitCode Finish(Environment& environment, JobsClient& client, const std::string& id, const Goal& goal, bool json) {
  if (!goal.step && !goal.state) return PrintJobEnd(environment, client, id, json);
  const absl::StatusOr<v1::JobDescription> job = client.Describe(id);
  if (!job.ok()) return Fail(environment, job.status());
  const v1::JobSummary& summary = job->summary();
  if (json) {
    const absl::StatusOr<std::string> line = MakeResult(environment.files, *job);
    if (!line.ok()) return Fail(environment, line.status());
    environment.out << *line << std::endl;
  }
  if (!IsOver(summary.state()) || goal.ReachedBy(summary.state(), summary.step())) return ExitCode::kDone;
  environment.err << "job " << id << " is over before that: " << v1::JobState_Name(summary.state()) << " at step "
                  << summary.step() << std::endl;
  const ExitCode code = ExitCodeOf(summary.state());
  return code == ExitCode::kDone ? ExitCode::kJobFailed : code;
}

}  // namespace

ExitCode WaitCommand(Environment& environment, std::span<const std::string> arguments) {
  ClusterFlags cluster;
  OutputFlag output;
  std::string wanted;
  std::optional<absl::Duration> timeout;
  Flags flags({.command = "wait",
               .arguments = "JOB",
               .summary = "Waits until the job is over, or until what --for says. A job that ends otherwise ends the\n"
                          "wait with a failure.",
               .least = 1,
               .most = 1});
  flags.AddText("for", "step=N|state=S", &wanted, "what to wait for");
  flags.AddDuration("timeout", &timeout, "wait no longer; ends with 124");
  cluster.AddTo(flags);
  output.AddTo(flags);
  if (const auto code = ParseFlags(environment, flags, arguments)) return *code;
  const absl::StatusOr<Goal> goal = ParseGoal(wanted);
  if (!goal.ok()) {
    Fail(environment, goal.status());
    return ExitCode::kBadFlags;
  }
  const std::unique_ptr<Interrupts> interrupts = environment.watch_interrupts();
  const absl::StatusOr<std::unique_ptr<JobsClient>> client = cluster.Connect(environment);
  if (!client.ok()) return Fail(environment, client.status());
  const absl::StatusOr<v1::JobDescription> job = (*client)->Describe(flags.arguments().front());
  if (!job.ok()) return Fail(environment, job.status());
  const std::string& id = job->summary().id();
  const absl::StatusOr<FollowEnd> end =
      Follow(environment, **client, *interrupts,
             {.job = id,
              .until = [&goal](const Progress& progress) {
                return goal->ReachedBy(progress.summary().state(), progress.step());
              },
              .timeout = timeout.value_or(absl::InfiniteDuration())});
  if (!end.ok()) return Fail(environment, end.status());
  if (*end == FollowEnd::kInterrupted) return ExitCode::kDetached;
  if (*end == FollowEnd::kTimedOut) {
    environment.err << "banyan: error: job " << id << " is not there after " << absl::FormatDuration(*timeout)
                    << std::endl;
    return ExitCode::kTimedOut;
  }
  return Finish(environment, **client, id, *goal, output.json());
}

}  // namespace banyan::cli
