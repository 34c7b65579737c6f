#include <functional>
#include <string>

#include "cli/commands.h"
#include "cli/follow/follow.h"
#include "cli/job_end.h"

namespace banyan::cli {
namespace {

// A command that brings a job to rest and waits until it is there.
struct Rest {
  Flags::Usage usage;
  bool has_now = false;
  std::function<absl::Status(JobsClient& client, const std::string& job, bool now)> ask;
  std::function<bool(const Progress& progress)> until = nullptr;  // null: the job's end, which is then what was wanted
};

ExitCode BringToRest(Environment& environment, std::span<const std::string> arguments, const Rest& rest) {
  ClusterFlags cluster;
  OutputFlag output;
  bool now = false;
  bool detach = false;
  std::optional<absl::Duration> timeout;
  Flags flags(rest.usage);
  if (rest.has_now) flags.AddSwitch("now", &now, "without a checkpoint: what came after the last one is lost");
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
  const absl::Status asked = rest.ask(**client, id, now);
  if (!asked.ok()) return Fail(environment, asked);
  if (detach) return ExitCode::kDone;
  FollowOptions follow = {.job = id, .timeout = timeout.value_or(absl::InfiniteDuration())};
  if (rest.until != nullptr) follow.until = rest.until;
  const absl::StatusOr<FollowEnd> end = Follow(environment, **client, *interrupts, follow);
  if (!end.ok()) return Fail(environment, end.status());
  if (*end == FollowEnd::kInterrupted) return ExitCode::kDetached;
  if (*end == FollowEnd::kTimedOut) return ExitCode::kTimedOut;
  const ExitCode code = PrintJobEnd(environment, **client, id, output.json());
  return code == ExitCode::kJobStopped && rest.until == nullptr ? ExitCode::kDone : code;
}

}  // namespace

ExitCode StopCommand(Environment& environment, std::span<const std::string> arguments) {
  return BringToRest(
      environment, arguments,
      {.usage = {.command = "stop",
                 .arguments = "JOB",
                 .summary = "Stops a job after a checkpoint and waits until it stands; `resume` goes on from there.\n"
                            "Ends with 0 when the job stands, however it ended.",
                 .least = 1,
                 .most = 1},
       .has_now = true,
       .ask = [](JobsClient& client, const std::string& job, bool now) {
         v1::StopRequest request;
         request.set_job(job);
         request.set_now(now);
         return client.Stop(request);
       }});
}

ExitCode PauseCommand(Environment& environment, std::span<const std::string> arguments) {
  return BringToRest(
      environment, arguments,
      {.usage = {.command = "pause",
                 .arguments = "JOB",
                 .summary = "Has a job write a checkpoint and give its processes to others; waits until it is\n"
                            "PAUSED. It is not over: `wait` waits on, and `resume` goes on from there.",
                 .least = 1,
                 .most = 1},
       .ask =
           [](JobsClient& client, const std::string& job, bool /*now*/) {
             v1::PauseRequest request;
             request.set_job(job);
             return client.Pause(request);
           },
       .until = [](const Progress& progress) { return progress.summary().state() == v1::PAUSED; }});
}

}  // namespace banyan::cli
