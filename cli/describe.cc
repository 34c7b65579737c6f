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

std::string AsText(const v1::JobDescription& job) {
  std::string text = Table(Facts(job));
  for (const v1::Wait& wait : job.waits()) {
    absl::StrAppend(&text, "waits for ", wait.what(), ": ", wait.detail(), "\n");
  }
  Rows processes = {{"PROCESS", "PID", "ENDPOINT", "DEVICE"}};
  for (const v1::Process& process : job.processes()) {
    processes.push_back({process.name(), absl::StrCat(process.pid()), process.endpoint(), process.device_kind()});
  }
  if (processes.size() > 1) absl::StrAppend(&text, "\n", Table(processes));
  Rows events = {{"TIME", "STEP", "EVENT", "WHO", ""}};
  for (const v1::Event& event : job.events()) {
    events.push_back({absl::FormatTime("%H:%M:%S", absl::FromUnixSeconds(static_cast<int64_t>(event.time())),
                                       absl::LocalTimeZone()),
                      absl::StrCat(event.step()), event.type(), event.who(), event.text()});
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
    environment.out << AsText(*job);
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
