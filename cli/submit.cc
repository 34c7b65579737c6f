#include "cli/commands.h"
#include "cli/job_end.h"
#include "cli/job_input.h"

namespace banyan::cli {

ExitCode SubmitCommand(Environment& environment, std::span<const std::string> arguments) {
  JobFlags job_flags;
  ClusterFlags cluster;
  OutputFlag output;
  bool detach = false;
  Flags flags({.command = "submit",
               .arguments = "JOB",
               .summary = "Gives the job of the file JOB to a cluster and follows it. Ctrl-C leaves it to itself.",
               .least = 1,
               .most = 1});
  flags.AddSwitch("detach", &detach, "print the job's id and do not follow it");
  job_flags.AddAllTo(flags);
  cluster.AddTo(flags);
  output.AddTo(flags);
  if (const auto code = ParseFlags(environment, flags, arguments)) return *code;

  ExitCode code = ExitCode::kDone;
  const std::optional<v1::Job> job = ReadJobFile(environment, flags.arguments().front(), job_flags, &code);
  if (!job) return code;
  const std::unique_ptr<Interrupts> interrupts = detach ? nullptr : environment.watch_interrupts();
  const absl::StatusOr<std::unique_ptr<JobsClient>> client = cluster.Connect(environment);
  if (!client.ok()) return Fail(environment, client.status());
  v1::SubmitRequest request;
  *request.mutable_job() = *job;
  request.mutable_leaf_plan()->Assign(job_flags.leaf_plan.begin(), job_flags.leaf_plan.end());
  request.set_idempotency_key(environment.unique);
  const absl::StatusOr<std::string> id = (*client)->Submit(request);
  if (!id.ok()) return Fail(environment, id.status());
  if (detach) {
    environment.out << *id << std::endl;
    return ExitCode::kDone;
  }
  environment.err << "submitted job " << *id << std::endl;
  return FollowToEnd(environment, **client, *interrupts, {.job = *id}, output.json());
}

}  // namespace banyan::cli
