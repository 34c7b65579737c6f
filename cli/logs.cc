#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cli/commands.h"
#include "cli/report/table.h"
#include "nlohmann/json.hpp"

namespace banyan::cli {
namespace {

std::string AsJson(const v1::LogLine& line) {
  const nlohmann::ordered_json json = {{"time", line.time()},
                                       {"severity", line.severity()},
                                       {"process", line.process()},
                                       {"text", line.text()}};
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string AsText(const v1::LogLine& line) {
  const absl::Time time = absl::FromUnixMicros(static_cast<int64_t>(line.time() * 1e6));
  return Table({{absl::FormatTime("%Y-%m-%d %H:%M:%E3S", time, absl::LocalTimeZone()), line.severity(), line.process(),
                 line.text()}});
}

// What happened to the job, as the coordinator would log it.
v1::LogLine AsLine(const v1::Event& event) {
  v1::LogLine line;
  line.set_time(event.time());
  line.set_severity("info");
  line.set_process("coordinator");
  line.set_text(absl::StrCat("step ", event.step(), ": ", event.type(), event.who().empty() ? "" : " ", event.who(),
                             event.text().empty() ? "" : ": ", event.text()));
  return line;
}

}  // namespace

ExitCode LogsCommand(Environment& environment, std::span<const std::string> arguments) {
  ClusterFlags cluster;
  OutputFlag output;
  bool follow = false;
  Flags flags({.command = "logs",
               .arguments = "JOB",
               .summary = "Prints what the processes of a job logged and what happened to it; -o json is an object a\n"
                          "line",
               .least = 1,
               .most = 1});
  flags.AddSwitch("f", &follow, "go on until the job is over");
  cluster.AddTo(flags);
  output.AddTo(flags);
  if (const auto code = ParseFlags(environment, flags, arguments)) return *code;
  const absl::StatusOr<std::unique_ptr<JobsClient>> client = cluster.Connect(environment);
  if (!client.ok()) return Fail(environment, client.status());
  v1::WatchRequest request;
  request.set_job(flags.arguments().front());
  request.set_with_logs(true);
  request.set_once(!follow);
  const std::unique_ptr<UpdateStream> stream = (*client)->Watch(request);
  std::vector<v1::LogLine> lines;
  const auto print = [&] {
    for (const v1::LogLine& line : lines) environment.out << (output.json() ? AsJson(line) : AsText(line));
    environment.out << std::flush;
  };
  v1::JobUpdate update;
  while (stream->Read(&update)) {
    if (!update.has_log() && !update.has_event()) continue;
    lines.push_back(update.has_log() ? update.log() : AsLine(update.event()));
    if (!follow) continue;
    print();
    lines.clear();
  }
  std::ranges::stable_sort(lines, {}, [](const v1::LogLine& line) { return line.time(); });
  print();
  const absl::Status status = stream->Finish();
  return status.ok() ? ExitCode::kDone : Fail(environment, status);
}

}  // namespace banyan::cli
