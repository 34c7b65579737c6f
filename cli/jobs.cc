#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cli/commands.h"
#include "cli/report/progress.h"
#include "cli/report/table.h"
#include "nlohmann/json.hpp"

namespace banyan::cli {
namespace {

std::string TimeOf(double seconds) {
  if (seconds == 0) return "-";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixSeconds(static_cast<int64_t>(seconds)),
                          absl::LocalTimeZone());
}

std::string AsJson(const v1::ListResponse& list) {
  nlohmann::ordered_json jobs = nlohmann::ordered_json::array();
  for (const v1::JobSummary& job : list.jobs()) {
    jobs.push_back({{"id", job.id()},
                    {"name", job.name()},
                    {"state", v1::JobState_Name(job.state())},
                    {"reason", job.reason()},
                    {"step", job.step()},
                    {"total_steps", job.total_steps()},
                    {"submitted", job.submitted()},
                    {"started", job.started()},
                    {"finished", job.finished()}});
  }
  return jobs.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

// How long it has been at it, or was.
std::string Lasted(const v1::JobSummary& job, absl::Time now) {
  if (job.started() == 0) return "-";
  const double end = job.finished() > 0 ? job.finished() : absl::ToDoubleSeconds(now - absl::UnixEpoch());
  return ShortDuration(absl::Seconds(std::max(0.0, end - job.started())));
}

std::string AsTable(const v1::ListResponse& list, absl::Time now) {
  std::vector<std::vector<std::string>> rows = {{"ID", "NAME", "STATE", "STEP", "SUBMITTED", "TIME", "REASON"}};
  for (const v1::JobSummary& job : list.jobs()) {
    rows.push_back({job.id(), job.name(), v1::JobState_Name(job.state()),
                    absl::StrCat(job.step(), "/", job.total_steps()), TimeOf(job.submitted()), Lasted(job, now), job.reason()});
  }
  return Table(rows);
}

}  // namespace

ExitCode JobsCommand(Environment& environment, std::span<const std::string> arguments) {
  ClusterFlags cluster;
  OutputFlag output;
  Flags flags({.command = "jobs", .summary = "Lists the jobs of a cluster, the newest first"});
  cluster.AddTo(flags);
  output.AddTo(flags);
  if (const auto code = ParseFlags(environment, flags, arguments)) return *code;
  const absl::StatusOr<std::unique_ptr<JobsClient>> client = cluster.Connect(environment);
  if (!client.ok()) return Fail(environment, client.status());
  const absl::StatusOr<v1::ListResponse> list = (*client)->List();
  if (!list.ok()) return Fail(environment, list.status());
  environment.out << (output.json() ? AsJson(*list) : AsTable(*list, environment.clock.Now()));
  return ExitCode::kDone;
}

}  // namespace banyan::cli
