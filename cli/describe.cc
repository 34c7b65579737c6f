#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "cli/commands.h"
#include "cli/report/progress.h"
#include "cli/report/result.h"
#include "cli/report/table.h"
#include "google/protobuf/util/json_util.h"

namespace banyan::cli {
namespace {

using Rows = std::vector<std::vector<std::string>>;

Rows Facts(const v1::JobDescription& job) {
  const v1::JobSummary& summary = job.summary();
  Rows rows = {{"job", summary.name()},
               {"id", summary.id()},
               {"state", absl::StrCat(v1::JobState_Name(summary.state()), summary.reason().empty() ? "" : ": ",
                                      summary.reason())},
               {"step", absl::StrCat(summary.step(), "/", summary.total_steps())},
               {"fingerprint", job.resolved().fingerprint()},
               {"data", job.resolved().data().hash()},
               {"device kind", job.resolved().device_kind()},
               {"term, epoch", absl::StrCat(job.term(), ", ", job.epoch())}};
  if (job.has_forked_from()) {
    const v1::ForkPoint& from = job.forked_from();
    rows.push_back({"forked from", absl::StrCat("job ", from.parent(), " after step ", from.step(),
                                                from.state_hash().empty() ? "" : ", state ", from.state_hash())});
  }
  const std::string unit = LossUnit(job.resolved().job());
  if (job.has_last_line()) {
    rows.push_back({"train loss", absl::StrFormat("%.4f %s after step %d", MeanLoss(job.last_line().loss_sum(),
                                                  job.last_line().weight()), unit, job.last_line().step())});
  }
  if (job.has_last_evaluation()) {
    const v1::Evaluation& evaluation = job.last_evaluation();
    rows.push_back({"held-out loss", absl::StrFormat("%.4f %s after step %d", MeanLoss(evaluation.loss_sum(),
                                                     evaluation.weight()), unit, evaluation.step())});
  }
  if (!job.checkpoint_directory().empty()) {
    rows.push_back({"checkpoints", absl::StrCat("steps ", absl::StrJoin(job.checkpoints(), ", "))});
    rows.push_back({"newest", job.checkpoint_directory()});
  }
  return rows;
}

std::string Clock(double unix_seconds) {
  return absl::FormatTime("%H:%M:%S", absl::FromUnixSeconds(static_cast<int64_t>(unix_seconds)), absl::LocalTimeZone());
}

double ToUnix(absl::Time time) { return absl::ToDoubleSeconds(time - absl::UnixEpoch()); }

// What the job had and has not: name, and the event that took it away.
std::map<std::string, v1::Event> Missing(const v1::JobDescription& job) {
  std::map<std::string, v1::Event> missing;
  for (const v1::Event& event : job.events()) {
    // A job that begins again counts from there.
    if (event.type() == "QUEUED") missing.clear();
    if (event.type().ends_with("_LOST") || event.type().ends_with("_LEFT")) missing[event.who()] = event;
    if (event.type().ends_with("_JOINED")) missing.erase(event.who());
  }
  return missing;
}

// Leaves of each worker, by its id.
std::map<uint64_t, uint64_t> LeavesOf(const v1::JobDescription& job) {
  const v1::Batch& batch = job.resolved().job().recipe().batch();
  const uint64_t leaves = batch.leaf() == 0 ? 0 : (batch.samples() + batch.leaf() - 1) / batch.leaf();
  std::map<uint64_t, uint64_t> counts;
  for (const v1::Assignment::Share& share : job.assignment().shares()) {
    for (const v1::TreeNode& node : share.nodes()) {
      const uint64_t begin = uint64_t{node.index()} << node.level();
      const uint64_t end = uint64_t{node.index() + 1} << node.level();
      counts[share.worker()] += std::min(end, leaves) - std::min(begin, leaves);
    }
  }
  return counts;
}

Rows Processes(const v1::JobDescription& job, const v1::ClusterResponse& cluster, double now) {
  std::map<std::string, v1::ClusterResponse::Member> members;
  for (const auto& member : cluster.members()) members[member.process().name()] = member;
  const std::map<uint64_t, uint64_t> leaves = LeavesOf(job);
  Rows rows = {{"PROCESS", "STATE", "HEARD", "LEAVES", "PID", "ENDPOINT", "DEVICE"}};
  for (const v1::Process& process : job.processes()) {
    const v1::ClusterResponse::Member& member = members[process.name()];
    const bool here = member.alive() && member.process().incarnation() == process.incarnation();
    const auto share = leaves.find(member.id());
    rows.push_back({process.name(), here ? "here" : "gone",
                    here ? absl::StrFormat("%.1fs ago", std::max(0.0, now - member.last_heard())) : "-",
                    process.role() == v1::WORKER ? absl::StrCat(share == leaves.end() ? 0 : share->second) : "-",
                    absl::StrCat(process.pid()), process.endpoint().empty() ? "-" : process.endpoint(),
                    process.device_kind()});
  }
  return rows;
}

std::string AsText(const v1::JobDescription& job, const v1::ClusterResponse& cluster, double now) {
  std::string text = Table(Facts(job));
  if (!IsOver(job.summary().state())) {
    for (const auto& [name, event] : Missing(job)) {
      absl::StrAppend(&text, "missing ", Printable(name), " since ", Clock(event.time()), " (",
                      ShortDuration(absl::Seconds(now - event.time())), "), step ", event.step(), "\n");
    }
    for (const v1::Wait& wait : job.waits()) {
      absl::StrAppend(&text, "waits ", ShortDuration(absl::Seconds(std::max(0.0, now - wait.since()))), " for ",
                      Printable(wait.what()), ": ", Printable(wait.detail()), "\n");
    }
  }
  const Rows processes = Processes(job, cluster, now);
  if (processes.size() > 1) absl::StrAppend(&text, "\n", Table(processes));
  Rows events = {{"TIME", "STEP", "EVENT", "WHO", ""}};
  for (const v1::Event& event : job.events()) {
    events.push_back({Clock(event.time()), absl::StrCat(event.step()), event.type(), event.who(), event.text()});
  }
  if (events.size() > 1) absl::StrAppend(&text, "\n", Table(events));
  return text;
}

}  // namespace

ExitCode DescribeCommand(Environment& environment, std::span<const std::string> arguments) {
  ClusterFlags cluster;
  OutputFlag output;
  Flags flags({.command = "describe",
               .arguments = "JOB",
               .summary = "Says all that is known of a job. -o json is proto/client.proto's JobDescription",
               .least = 1,
               .most = 1});
  cluster.AddTo(flags);
  output.AddTo(flags);
  if (const auto code = ParseFlags(environment, flags, arguments)) return *code;
  const absl::StatusOr<std::unique_ptr<JobsClient>> client = cluster.Connect(environment);
  if (!client.ok()) return Fail(environment, client.status());
  const absl::StatusOr<v1::JobDescription> job = (*client)->Describe(flags.arguments().front());
  if (!job.ok()) return Fail(environment, job.status());
  if (!output.json()) {
    const absl::StatusOr<v1::ClusterResponse> members = (*client)->Cluster();
    if (!members.ok()) return Fail(environment, members.status());
    environment.out << AsText(*job, *members, ToUnix(environment.clock.Now()));
    return ExitCode::kDone;
  }
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(*job, &json, options);
  if (!status.ok()) return Fail(environment, absl::InternalError(status.ToString()));
  environment.out << json << "\n";
  return ExitCode::kDone;
}

}  // namespace banyan::cli
