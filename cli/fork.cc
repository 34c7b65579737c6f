#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/job_end.h"
#include "cli/job_input.h"

namespace banyan::cli {
namespace {

constexpr size_t kMaxName = 63;  // proto/job.proto

// What the fork is called unless it is said: `gpt-at-120`.
std::string NameOf(const std::string& parent, uint64_t step) {
  const std::string end = absl::StrCat("-at-", step);
  return absl::StrCat(parent.substr(0, kMaxName - std::min(kMaxName, end.size())), end);
}

}  // namespace

ExitCode ForkCommand(Environment& environment, std::span<const std::string> arguments) {
  JobFlags job_flags;
  ClusterFlags cluster;
  OutputFlag output;
  std::optional<uint64_t> step;
  std::string name;
  bool detach = false;
  Flags flags({.command = "fork",
               .arguments = "JOB --at STEP",
               .summary = "Begins a new job with the state that JOB had after STEP, and follows it. --set changes\n"
                          "what happens from there on, the recipe too, as far as the parameters keep their\n"
                          "shapes. The steps since the nearest checkpoint are computed again, exactly. JOB and\n"
                          "its checkpoints stay as they are.",
               .least = 1,
               .most = 1});
  flags.AddCount("at", 1, UINT64_MAX, &step, "the last step of JOB that the new job has");
  flags.AddText("name", "NAME", &name, "of the new job; the parent's with -at-STEP unless given");
  flags.AddSwitch("detach", &detach, "print only the new job's id and do not follow it");
  job_flags.AddAllTo(flags);
  cluster.AddTo(flags);
  output.AddTo(flags);
  if (const auto code = ParseFlags(environment, flags, arguments)) return *code;
  if (!step) {
    Fail(environment, absl::InvalidArgumentError("--at is not given; it is the step to fork at"));
    return ExitCode::kBadFlags;
  }
  const std::unique_ptr<Interrupts> interrupts = environment.watch_interrupts();
  const absl::StatusOr<std::unique_ptr<JobsClient>> client = cluster.Connect(environment);
  if (!client.ok()) return Fail(environment, client.status());
  const absl::StatusOr<v1::JobDescription> parent = (*client)->Describe(flags.arguments().front());
  if (!parent.ok()) return Fail(environment, parent.status());

  const v1::Job& before = parent->resolved().job();
  job_flags.set.push_back(absl::StrCat("name=", name.empty() ? NameOf(before.name(), *step) : name));
  ExitCode code = ExitCode::kDone;
  const std::string& id = parent->summary().id();
  const std::optional<v1::Job> job = ChangeJob(environment, before, absl::StrCat("job ", id), job_flags, &code);
  if (!job) return code;
  v1::ForkRequest request;
  request.set_job(id);
  request.set_step(*step);
  *request.mutable_fork() = *job;
  request.mutable_leaf_plan()->Assign(job_flags.leaf_plan.begin(), job_flags.leaf_plan.end());
  request.set_idempotency_key(environment.unique);
  const absl::StatusOr<v1::ForkResponse> fork = (*client)->Fork(request);
  if (!fork.ok()) return Fail(environment, fork.status());
  if (detach) {
    environment.out << fork->id() << std::endl;
    return ExitCode::kDone;
  }
  const uint64_t replayed = *step - std::min(*step, fork->replayed_from());
  environment.err << "job " << fork->id() << " (" << job->name() << ") begins after step " << *step << " of job " << id
                  << (replayed == 0 ? std::string("; a checkpoint is there")
                                    : absl::StrCat("; ", replayed, " steps from step ", fork->replayed_from(),
                                                   " are computed again"))
                  << std::endl;
  return FollowToEnd(environment, **client, *interrupts, {.job = fork->id()}, output.json());
}

}  // namespace banyan::cli
