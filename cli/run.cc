#include <algorithm>
#include <climits>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/cluster/local_cluster.h"
#include "cli/commands.h"
#include "cli/job_end.h"
#include "cli/job_input.h"
#include "cli/run_chaos.h"
#include "common/base/status.h"
#include "common/config/defaults.h"
#include "common/file/file_util.h"
#include "common/rpc/token.h"

namespace banyan::cli {
namespace {

constexpr absl::Duration kRegistering = absl::Seconds(30);
constexpr absl::Duration kTick = absl::Milliseconds(20);

struct RunFlags {
  JobFlags job;
  OutputFlag output;
  ChaosFlags chaos;
  std::optional<uint64_t> threads;
  std::string state_dir;
};

uint64_t WorkersOf(const v1::Job& job, const RunFlags& flags) {
  const uint64_t least = config::WithDefaults(job).run().workers().min();
  // One alone would leave nobody to go on when it is hit.
  return flags.job.workers.value_or(flags.chaos.on ? std::max<uint64_t>(2, least) : least);
}

absl::StatusOr<std::unique_ptr<LocalCluster>> StartCluster(Environment& environment, const std::string& job_path,
                                                           const v1::Job& job, uint64_t workers,
                                                           const RunFlags& flags) {
  const v1::Run run = config::WithDefaults(job).run();
  ASSIGN_OR_RETURN(const std::string path, environment.files.RealPath(job_path));
  LocalCluster::Options options{.programs = environment.programs,
                                .state_dir = flags.state_dir,
                                .roots = {absl::StrCat("data=", ParentPath(path))},
                                .servers = run.servers().count(),
                                .workers = workers};
  // What is killed on purpose is not given up.
  if (flags.chaos.on) options.most_restarts = INT_MAX;
  const uint64_t cores = std::max(1u, std::thread::hardware_concurrency());
  options.threads = flags.threads.value_or(std::max<uint64_t>(1, cores / options.workers));
  options.say = [&environment](const std::string& text) { environment.Say(text); };
  environment.err << "starting a coordinator, " << options.servers << " server(s) and " << options.workers
                  << " worker(s) of " << options.threads << " thread(s); state and logs in " << options.state_dir
                  << std::endl;
  return LocalCluster::Start(environment.files, std::move(options));
}

// The job takes who is there when it begins, and all of them shall be. False: a person wants an end.
absl::StatusOr<bool> AwaitAll(Environment& environment, const LocalCluster& cluster, Interrupts& interrupts,
                              JobsClient& client) {
  const absl::Duration deadline = environment.clock.Monotonic() + kRegistering;
  while (!interrupts.WaitFor(kTick)) {
    const absl::StatusOr<v1::ClusterResponse> response = client.Cluster();
    if (!response.ok() && !absl::IsUnavailable(response.status())) return response.status();
    std::set<std::string> missing;
    for (const LocalProcess& process : cluster.processes()) missing.insert(process.Name());
    missing.erase("coordinator");
    if (response.ok()) {
      for (const auto& member : response->members()) {
        if (member.alive()) missing.erase(member.process().name());
      }
      if (missing.empty()) return true;
    }
    if (environment.clock.Monotonic() > deadline) {
      return absl::DeadlineExceededError(absl::StrCat(absl::StrJoin(missing, ", "), " did not register in ",
                                                      absl::FormatDuration(kRegistering), "; their logs are in ",
                                                      JoinPath(cluster.state_dir(), "logs")));
    }
  }
  return false;
}

ExitCode RunJob(Environment& environment, LocalCluster& cluster, Interrupts& interrupts, const v1::Job& job,
                const RunFlags& flags) {
  const absl::StatusOr<std::string> token = ReadToken(cluster.token_file());
  if (!token.ok()) return Fail(environment, token.status());
  const std::unique_ptr<JobsClient> client = environment.connect(cluster.coordinator(), *token);
  const absl::StatusOr<bool> all = AwaitAll(environment, cluster, interrupts, *client);
  if (!all.ok()) return Fail(environment, all.status());
  if (!*all) {
    environment.err << "stopped before the job began" << std::endl;
    return ExitCode::kJobStopped;
  }
  v1::SubmitRequest request;
  *request.mutable_job() = job;
  request.mutable_leaf_plan()->Assign(flags.job.leaf_plan.begin(), flags.job.leaf_plan.end());
  request.set_idempotency_key(environment.unique);
  if (flags.chaos.on) {
    return RunWithChaos(environment, cluster, *client, interrupts, request, flags.chaos, flags.output.json());
  }
  const absl::StatusOr<std::string> id = client->Submit(request);
  if (!id.ok()) return Fail(environment, id.status());
  return FollowToEnd(environment, *client, interrupts, {.job = *id, .interrupt_stops = true}, flags.output.json());
}

}  // namespace

ExitCode RunCommand(Environment& environment, std::span<const std::string> arguments) {
  RunFlags run;
  Flags flags({.command = "run",
               .arguments = "JOB",
               .summary = "Starts a cluster on this machine, runs the job of the file JOB on it and stops everything.\n"
                          "The job's `data:` is the folder of the file. Ctrl-C stops the job with a checkpoint.",
               .least = 1,
               .most = 1});
  run.job.AddAllTo(flags);
  flags.AddCount("threads", 1, 1024, &run.threads, "leaves side by side in a worker; cores / workers unless given");
  flags.AddText("state-dir", "DIR", &run.state_dir, "state, logs and checkpoints; a fresh folder in ./banyan-runs "
                                                    "unless given");
  run.chaos.AddTo(flags);
  run.output.AddTo(flags);
  if (const auto code = ParseFlags(environment, flags, arguments)) return *code;
  const std::string& path = flags.arguments().front();
  // One worker a number of the plan.
  if (!run.job.workers && !run.job.leaf_plan.empty()) run.job.workers = run.job.leaf_plan.size();

  ExitCode code = ExitCode::kDone;
  std::optional<v1::Job> job = ReadJobFile(environment, path, run.job, &code);
  if (!job) return code;
  const uint64_t workers = WorkersOf(*job, run);
  if (run.chaos.on) PrepareForChaos(workers, *job);
  if (run.state_dir.empty()) run.state_dir = absl::StrCat("banyan-runs/", job->name(), "-", environment.unique);

  const std::unique_ptr<Interrupts> interrupts = environment.watch_interrupts();
  const absl::StatusOr<std::unique_ptr<LocalCluster>> cluster = StartCluster(environment, path, *job, workers, run);
  if (!cluster.ok()) return Fail(environment, cluster.status());
  code = RunJob(environment, **cluster, *interrupts, *job, run);
  const absl::Status stopped = (*cluster)->Stop();
  if (!stopped.ok()) return Fail(environment, stopped);
  return code;
}

}  // namespace banyan::cli
