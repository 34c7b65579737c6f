#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/job_end.h"
#include "cli/job_input.h"
#include "google/protobuf/util/message_differencer.h"

namespace banyan::cli {

ExitCode ResumeCommand(Environment& environment, std::span<const std::string> arguments) {
  JobFlags job_flags;
  ClusterFlags cluster;
  OutputFlag output;
  bool detach = false;
  Flags flags({.command = "resume",
               .arguments = "JOB",
               .summary = "Goes on with a paused, stopped or failed job from its newest checkpoint, and follows it. What its\n"
                          "`run` part says may change, its recipe may not.",
               .least = 1,
               .most = 1});
  flags.AddSwitch("detach", &detach, "do not follow it");
  job_flags.AddAllTo(flags);
  cluster.AddTo(flags);
  output.AddTo(flags);
  if (const auto code = ParseFlags(environment, flags, arguments)) return *code;
  const std::unique_ptr<Interrupts> interrupts = environment.watch_interrupts();
  const absl::StatusOr<std::unique_ptr<JobsClient>> client = cluster.Connect(environment);
  if (!client.ok()) return Fail(environment, client.status());
  const absl::StatusOr<v1::JobDescription> description = (*client)->Describe(flags.arguments().front());
  if (!description.ok()) return Fail(environment, description.status());

  const std::string& id = description->summary().id();
  const v1::Job& before = description->resolved().job();
  v1::ResumeRequest request;
  request.set_job(id);
  request.mutable_leaf_plan()->Assign(job_flags.leaf_plan.begin(), job_flags.leaf_plan.end());
  if (job_flags.ChangeJob()) {
    ExitCode code = ExitCode::kDone;
    const std::optional<v1::Job> job = ChangeJob(environment, before, absl::StrCat("job ", id), job_flags, &code);
    if (!job) return code;
    if (!google::protobuf::util::MessageDifferencer::Equals(job->recipe(), before.recipe())) {
      Fail(environment, absl::FailedPreconditionError("--set changes the recipe, and with it the result; submit it as a "
                                                      "job of its own"));
      return ExitCode::kNotAllowed;
    }
    *request.mutable_run() = job->run();
  }
  const absl::Status resumed = (*client)->Resume(request);
  if (!resumed.ok()) return Fail(environment, resumed);
  if (detach) return ExitCode::kDone;
  return FollowToEnd(environment, **client, *interrupts, {.job = id}, output.json());
}

}  // namespace banyan::cli
