#include "cli/commands.h"
#include "cli/follow/follow.h"
#include "cli/job_end.h"

namespace banyan::cli {

ExitCode StopCommand(Environment& environment, std::span<const std::string> arguments) {
  ClusterFlags cluster;
  OutputFlag output;
  bool now = false;
  bool detach = false;
  std::optional<absl::Duration> timeout;
  Flags flags({.command = "stop",
               .arguments = "JOB",
               .summary = "Stops a job after a checkpoint and waits until it stands; `resume` goes on from there.\n"
                          "Ends with 0 when the job stands, however it ended.",
               .least = 1,
               .most = 1});
  flags.AddSwitch("now", &now, "without a checkpoint: what came after the last one is lost");
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
  v1::StopRequest request;
  request.set_job(id);
  request.set_now(now);
  const absl::Status stopped = (*client)->Stop(request);
  if (!stopped.ok()) return Fail(environment, stopped);
  if (detach) return ExitCode::kDone;
  const absl::StatusOr<FollowEnd> end =
      Follow(environment, **client, *interrupts, {.job = id, .timeout = timeout.value_or(absl::InfiniteDuration())});
  if (!end.ok()) return Fail(environment, end.status());
  if (*end == FollowEnd::kInterrupted) return ExitCode::kDetached;
  if (*end == FollowEnd::kTimedOut) return ExitCode::kTimedOut;
  const ExitCode code = PrintJobEnd(environment, **client, id, output.json());
  return code == ExitCode::kJobStopped ? ExitCode::kDone : code;
}

}  // namespace banyan::cli
