#include "cli/commands.h"
#include "cli/follow/follow.h"
#include "cli/job_end.h"

namespace banyan::cli {

ExitCode PauseCommand(Environment& environment, std::span<const std::string> arguments) {
  ClusterFlags cluster;
  OutputFlag output;
  bool detach = false;
  std::optional<absl::Duration> timeout;
  Flags flags({.command = "pause",
               .arguments = "JOB",
               .summary = "Has a job write a checkpoint and give its processes to others; waits until it is\n"
                          "PAUSED. It is not over: `wait` waits on, and `resume` goes on from there.",
               .least = 1,
               .most = 1});
  flags.AddSwitch("detach", &detach, "do not wait");
  flags.AddDuration("timeout", &timeout, "wait no longer; ends with 124");
  cluster.AddTo(flags);
  output.AddTo(flags);
  if (const auto code = ParseFlags(environment, flags, arguments)) return *code;
  const std::unique_ptr<Interrupts> interrupts = environment.watch_interrupts();
  const absl::StatusOr<std::unique_ptr<JobsClient>> client = cluster.Connect(environment);
  if (!client.ok()) return Fail(environment, client.status());
  const absl::StatusOr<v1::JobDescription> job = (*client)->Describe(flags.arguments().front());
  if (!job.ok()) return Fail(environment, job.status());
  const std::string& id = job->summary().id();
  v1::PauseRequest request;
  request.set_job(id);
  const absl::Status paused = (*client)->Pause(request);
  if (!paused.ok()) return Fail(environment, paused);
  if (detach) return ExitCode::kDone;
  const absl::StatusOr<FollowEnd> end = Follow(
      environment, **client, *interrupts,
      {.job = id,
       .until = [](const Progress& progress) { return progress.summary().state() == v1::PAUSED; },
       .timeout = timeout.value_or(absl::InfiniteDuration())});
  if (!end.ok()) return Fail(environment, end.status());
  if (*end == FollowEnd::kInterrupted) return ExitCode::kDetached;
  if (*end == FollowEnd::kTimedOut) return ExitCode::kTimedOut;
  return PrintJobEnd(environment, **client, id, output.json());
}

}  // namespace banyan::cli
