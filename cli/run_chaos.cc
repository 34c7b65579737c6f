#include "cli/run_chaos.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/chaos/chaos.h"
#include "cli/follow/follow.h"
#include "cli/job_end.h"
#include "cli/report/result.h"
#include "common/base/status.h"
#include "nlohmann/json.hpp"

namespace banyan::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t kMoreWorkers = 2;  // may be added
constexpr absl::Duration kEvery = absl::Seconds(2);
constexpr size_t kMaxName = 63;  // proto/job.proto

// One of the two runs.
struct Ended {
  ExitCode code = ExitCode::kDone;
  Json result = {};

  std::string hash() const { return result.value("state_hash", std::string()); }
};

absl::StatusOr<Ended> RunToEnd(Environment& environment, JobsClient& client, Interrupts& interrupts,
                               const std::string& id) {
  RETURN_IF_ERROR(Follow(environment, client, interrupts, {.job = id, .interrupt_stops = true}).status());
  ASSIGN_OR_RETURN(const v1::JobDescription job, client.Describe(id));
  ASSIGN_OR_RETURN(const std::string line, MakeResult(environment.files, job));
  return Ended{.code = ExitCodeOf(job.summary().state()), .result = Json::parse(line)};
}

absl::StatusOr<Ended> RunUndisturbed(Environment& environment, JobsClient& client, Interrupts& interrupts,
                                     v1::SubmitRequest request) {
  const std::string end = "-undisturbed";
  request.mutable_job()->set_name(absl::StrCat(request.job().name().substr(0, kMaxName - end.size()), end));
  request.set_idempotency_key(absl::StrCat(request.idempotency_key(), end));
  ASSIGN_OR_RETURN(const std::string id, client.Submit(request));
  environment.err << "now the same job undisturbed, to compare" << std::endl;
  return RunToEnd(environment, client, interrupts, id);
}

std::string Counted(const std::map<std::string, int>& counts) {
  if (counts.empty()) return "nothing was hit; a longer job, or a shorter --chaos-every, gives it time";
  std::vector<std::string> texts;
  for (const auto& [what, count] : counts) texts.push_back(absl::StrCat(count, " ", what));
  return absl::StrJoin(texts, ", ");
}

}  // namespace

void ChaosFlags::AddTo(Flags& flags) {
  flags.AddSwitch("chaos", &on, "kill, stop, add and take away processes while the job runs, then run it undisturbed and "
                                "compare: ends with 1 where the two differ");
  flags.AddCount("chaos-seed", 0, UINT64_MAX, &seed, "with --chaos: of what is hit and when; drawn unless given");
  flags.AddDuration("chaos-every", &every, "with --chaos: between two hits, on the average; 2s unless given");
}

void PrepareForChaos(uint64_t workers, v1::Job& job) {
  v1::Workers& wanted = *job.mutable_run()->mutable_workers();
  wanted.set_min(1);
  wanted.set_max(static_cast<uint32_t>(workers + kMoreWorkers));
  v1::Servers& servers = *job.mutable_run()->mutable_servers();
  if (servers.count() > 1 && servers.replicas() == 0) servers.set_replicas(1);
}

ExitCode RunWithChaos(Environment& environment, LocalCluster& cluster, JobsClient& client, Interrupts& interrupts,
                      const v1::SubmitRequest& request, const ChaosFlags& flags, bool json) {
  const uint64_t seed = flags.seed.value_or(std::hash<std::string>()(environment.unique) % 1'000'000);
  const v1::Run& run = request.job().run();
  const absl::StatusOr<std::string> id = client.Submit(request);
  if (!id.ok()) return Fail(environment, id.status());
  environment.err << "chaos with seed " << seed << std::endl;
  Chaos chaos(environment, cluster, client, *id,
              {.seed = seed,
               .every = flags.every.value_or(kEvery),
               .most_workers = run.workers().max(),
               .least_servers = std::max<uint32_t>(1, run.servers().count()),
               .replicas = run.servers().replicas() > 0});
  absl::StatusOr<Ended> disturbed = RunToEnd(environment, client, interrupts, *id);
  const std::map<std::string, int> counts = chaos.Stop();
  if (!disturbed.ok()) return Fail(environment, disturbed.status());
  if (!json) PrintJobEnd(environment, client, *id, /*json=*/false);
  absl::StatusOr<Ended> undisturbed = Ended{.code = disturbed->code};
  if (disturbed->code == ExitCode::kDone) undisturbed = RunUndisturbed(environment, client, interrupts, request);
  if (!undisturbed.ok()) return Fail(environment, undisturbed.status());
  const bool compared = undisturbed->code == ExitCode::kDone;
  const bool same = compared && undisturbed->hash() == disturbed->hash();
  if (json) {
    disturbed->result["chaos"] = {{"seed", seed},
                                  {"acts", counts},
                                  {"undisturbed_state_hash", undisturbed->hash()},
                                  {"same", compared ? Json(same) : Json(nullptr)}};
    environment.out << disturbed->result.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
  }
  if (!compared) return undisturbed->code;
  const std::string verdict = same ? std::string("the same, to the last bit")
                                   : absl::StrCat("NOT THE SAME, which is a fault; state and logs are in ",
                                                  cluster.state_dir());
  (json ? environment.err : environment.out)
      << absl::StrFormat("chaos (seed %d): %s\n  state with it   %s\n  undisturbed     %s\n  %s\n", seed, Counted(counts),
                         disturbed->hash(), undisturbed->hash(), verdict)
      << std::flush;
  return same ? ExitCode::kDone : ExitCode::kJobFailed;
}

}  // namespace banyan::cli
