#include "cli/report/result.h"

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/job_end.h"

namespace banyan::cli {

ExitCode ResultCommand(Environment& environment, std::span<const std::string> arguments) {
  ClusterFlags cluster;
  OutputFlag output;
  Flags flags({.command = "result",
               .arguments = "JOB",
               .summary = "Prints what a job ended with, and ends with its exit code. -o json is the line that\n"
                          "result.json in the job's folder holds.",
               .least = 1,
               .most = 1});
  cluster.AddTo(flags);
  output.AddTo(flags);
  if (const auto code = ParseFlags(environment, flags, arguments)) return *code;
  const absl::StatusOr<std::unique_ptr<JobsClient>> client = cluster.Connect(environment);
  if (!client.ok()) return Fail(environment, client.status());
  const absl::StatusOr<v1::JobDescription> job = (*client)->Describe(flags.arguments().front());
  if (!job.ok()) return Fail(environment, job.status());
  const v1::JobSummary& summary = job->summary();
  if (!IsOver(summary.state())) {
    return Fail(environment, absl::NotFoundError(absl::StrCat(
                                 "job '", summary.id(), "' has no result yet, it is ", v1::JobState_Name(summary.state()),
                                 "; wait for it with: banyan wait ", summary.id())));
  }
  return PrintJobEnd(environment, **client, summary.id(), output.json());
}

}  // namespace banyan::cli
